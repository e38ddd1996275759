// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWriteTable(t *testing.T) {
	var out strings.Builder
	require.NoError(t, WriteTable(&out, []Cursor{
		{InputID: "threatq-default", State: State{URL: "https://threatq.example.com", DataCollectionID: "0123456789abcdef",
			Mark: "AoIIP4AAACgwMTIzNDU2Nzg5YWJjZGVm", Collected: 1234567, Updated: updated},
			Sweep: &SweepState{Completed: updated.Add(time.Hour), Known: 1234000}},
		{InputID: "other", State: State{URL: "https://threatq.example.net/tq", DataCollectionID: "beef"}},
		{InputID: "held", State: State{URL: "https://threatq.example.net/tq", DataCollectionID: "beef"}, Sweep: &SweepState{HeldBack: 2000, HeldBackOf: 5000, Error: "many"}},
		{InputID: "vain", State: State{URL: "https://threatq.example.net/tq", DataCollectionID: "beef"}, Sweep: &SweepState{Completed: updated, Error: "cut"}},
	}, updated.Add(3*time.Hour)))
	assert.Equal(t, `
INPUT             URL                              DATA COLLECTION    MARK                    RECEIVED      COLLECTED   LAST SWEEP
threatq-default   https://threatq.example.com      0123456789abcdef   AoIIP4AAACgw…YWJjZGVm   3 hours ago   1,234,567   2 hours ago, 1,234,000 known
other             https://threatq.example.net/tq   beef               -                       never         0           never
held              https://threatq.example.net/tq   beef               -                       never         0           held back: 2,000 of 5,000 would be retired
vain              https://threatq.example.net/tq   beef               -                       never         0           did not count
`, "\n"+out.String())
}

func TestShortMark(t *testing.T) {
	for mark, want := range map[string]string{
		"":                       "",
		"*":                      "*",
		"123456789012345678901":  "123456789012345678901",
		"1234567890123456789012": "123456789012…56789012",
		"ääääääääääääääääääääääää": "ääääääääääää…ääääääää",
		"a\x1b[2Jb\n":                  "a\ufffd[2Jb\ufffd",
		"AoIIP4AAACgwMTIzNDU2Nzg5YWJj": "AoIIP4AAACgw…Nzg5YWJj",
	} {
		assert.Equal(t, want, shortMark(mark))
	}
}

func TestCollectedText(t *testing.T) {
	assert.Equal(t, "0 indicators", Cursor{}.CollectedText())
	assert.Equal(t, "1 indicator", Cursor{State: State{Collected: 1}}.CollectedText())
	assert.Equal(t, "1,200 indicators", Cursor{State: State{Collected: 1200}}.CollectedText())
}
