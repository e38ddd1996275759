// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/mapstr"
)

func TestIndexOfAnEvent(t *testing.T) {
	inNamespace := mapstr.M{"data_stream": mapstr.M{"namespace": "soc"}}
	for name, tc := range map[string]struct {
		output map[string]any
		fields mapstr.M
		meta   mapstr.M
		want   string
	}{
		"data stream of its namespace": {nil, inNamespace, nil, "logs-ti_threatq.threat-soc"},
		"no namespace":                 {nil, mapstr.M{}, nil, "logs-ti_threatq.threat-default"},
		"the output's index":           {map[string]any{"index": "mine-%{[data_stream.namespace]}"}, inNamespace, nil, "mine-soc"},
		"the output's condition": {map[string]any{"indices": []any{map[string]any{
			"index": "soc-only", "when.equals": map[string]any{"data_stream.namespace": "soc"},
		}}}, inNamespace, nil, "soc-only"},
		"a condition that doesn't apply": {map[string]any{"indices": []any{map[string]any{
			"index": "soc-only", "when.equals": map[string]any{"data_stream.namespace": "other"},
		}}}, inNamespace, nil, "logs-ti_threatq.threat-soc"},
		"an empty index of the output": {map[string]any{"index": ""}, inNamespace, nil, "logs-ti_threatq.threat-soc"},
		"the input's index":            {map[string]any{"index": "mine"}, inNamespace, mapstr.M{"raw_index": "Logs-Input"}, "logs-input"},
		"the event's index":            {nil, inNamespace, mapstr.M{"index": "own"}, "own"},
	} {
		t.Run(name, func(t *testing.T) {
			supporter, err := MakeIndexManager(logp.NewNopLogger(), beat.Info{})
			require.NoError(t, err)
			selector, err := supporter.BuildSelector(config.MustNewConfigFrom(tc.output))
			require.NoError(t, err)
			got, err := selector.Select(&beat.Event{Timestamp: time.Now(), Fields: tc.fields, Meta: tc.meta})
			require.NoError(t, err)
			assert.Equal(t, tc.want, got)
		})
	}
}

func TestLibbeatInstallsNothing(t *testing.T) {
	supporter, err := MakeIndexManager(logp.NewNopLogger(), beat.Info{})
	require.NoError(t, err)
	assert.False(t, supporter.Enabled())
}
