// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/common/reload"
)

// callbacks takes the files of a unit's diagnostics.
type callbacks map[string]func() []byte

func (c callbacks) Register(name, _, _, _ string, callback func() []byte) { c[name] = callback }

// A stream that can't run has a diagnosis too.
func TestRefusedStreamsHaveADiagnosis(t *testing.T) {
	managed, _ := newTestManaged(t)
	defer managed.runners.Stop()
	unit := callbacks{}
	bad, _ := managedStream("a", "bad", map[string]any{"interval": "0s"})
	double, _ := managedStream("a", "bad", nil)
	bad.DiagCallback, double.DiagCallback = unit, unit
	double.StatusReporter = &namedStream{id: "bad.[1]"}
	require.NoError(t, managed.Reload([]*reload.ConfigWithMeta{bad, double}))

	for name, reason := range map[string]string{"threatq_bad": "interval is 0s", "threatq_bad.[1]": "id is that of another stream (of unit a)"} {
		require.Contains(t, unit, name)
		text := string(unit[name]())
		assert.NotContains(t, text, "never-to-be-shown")
		assert.NotContains(t, text, "0001-01-01")
		var d map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &d))
		assert.Contains(t, d["error"], `stream "bad": `+reason)
		assert.Equal(t, false, d["running"])
		assert.NotContains(t, d, "health", "nothing runs that could be healthy")
		assert.Equal(t, "https://threatq.example.com", d["configuration"].(map[string]any)["url"])
	}
}

// namedStream is a stream whose states have an id, as those of Libbeat's manager.
type namedStream struct {
	recordedStream
	id string
}

func (s *namedStream) ID() string { return s.id }
