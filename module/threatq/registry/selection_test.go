// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSelection(t *testing.T) {
	const east, west = "https://east.example.com", "https://west.example.com"
	saved := []Cursor{
		{InputID: "a", State: State{URL: east, DataCollectionID: "1"}},
		{InputID: "a", State: State{URL: west, DataCollectionID: "1"}},
		{InputID: "a", State: State{URL: west, DataCollectionID: "2"}},
		{InputID: "b", State: State{URL: west + "/api", DataCollectionID: "2"}},
	}
	tests := map[string]struct {
		selection Selection
		want      []int
		err       string
	}{
		"all of an input":           {selection: Selection{IDs: []string{"a"}}, want: []int{0, 1, 2}},
		"two inputs":                {selection: Selection{IDs: []string{"b", "a"}}, want: []int{0, 1, 2, 3}},
		"an input twice":            {selection: Selection{IDs: []string{"b", "b"}}, want: []int{3}},
		"all":                       {selection: Selection{All: true}, want: []int{0, 1, 2, 3}},
		"all of an appliance":       {selection: Selection{All: true, URL: "https://WEST.example.com/"}, want: []int{1, 2, 3}},
		"one data collection":       {selection: Selection{IDs: []string{"a"}, DataCollectionID: "2"}, want: []int{2}},
		"one of one appliance":      {selection: Selection{IDs: []string{"a"}, URL: west, DataCollectionID: "1"}, want: []int{1}},
		"nothing":                   {selection: Selection{}, err: "name the inputs by their ids, or use --all"},
		"a filter alone":            {selection: Selection{URL: west}, err: "name the inputs by their ids, or use --all"},
		"an empty id":               {selection: Selection{IDs: []string{""}}, err: "an id is empty"},
		"all and an id":             {selection: Selection{All: true, IDs: []string{"a"}}, err: "exclude each other"},
		"an unknown id":             {selection: Selection{IDs: []string{"a", "c"}}, err: `no cursor of an input "c" is saved; these inputs have some: "a", "b"`},
		"unknown ids":               {selection: Selection{IDs: []string{"d", "c"}}, err: `no cursors of the inputs "d", "c" are saved`},
		"another data collection":   {selection: Selection{IDs: []string{"b"}, DataCollectionID: "1"}, err: `no saved cursor is that of data collection 1; there is that of input "b", https://west.example.com/api, data collection 2`},
		"an appliance of others":    {selection: Selection{IDs: []string{"b"}, URL: east}, err: "no saved cursor is that of url " + east},
		"a beginning is no address": {selection: Selection{All: true, URL: "https://west"}, err: "no saved cursor is that of url https://west;"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := test.selection.From(saved)
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				assert.Empty(t, got)
				return
			}
			require.NoError(t, err)
			var want []Cursor
			for _, i := range test.want {
				want = append(want, saved[i])
			}
			assert.Equal(t, want, got)
		})
	}
}

func TestSelectionFromNothing(t *testing.T) {
	got, err := Selection{All: true}.From(nil)
	require.NoError(t, err)
	assert.Empty(t, got)
	_, err = Selection{IDs: []string{"a"}}.From(nil)
	assert.EqualError(t, err, `no cursor of an input "a" is saved; no input has any`)
}
