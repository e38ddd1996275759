// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package fleetpackage_test

import (
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/config"

	"github.com/threatqbeat/threatqbeat/module/threatq/threat"
)

var update = flag.Bool("update", false, "write the sample event anew")

const (
	sampleFile = "../../_meta/fleet/data_stream/threat/sample_event.json"
	testdata   = "../../module/threatq/threat/testdata/"
)

// The sample event is what the example indicator becomes in an Elastic Agent, and stays so.
func TestSampleEventIsCurrent(t *testing.T) {
	want := sampleEvent(t)
	if *update {
		require.NoError(t, os.WriteFile(sampleFile, want, 0o644))
	}
	got, err := os.ReadFile(sampleFile)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), "run go test ./dev-tools/fleetpackage -update")
}

// sampleEvent maps the example indicator, and takes from the example event what describes the
// shipper and its run.
func sampleEvent(t *testing.T) []byte {
	t.Helper()
	var example map[string]any
	read(t, testdata+"example_event.json", &example)
	var indicator json.RawMessage
	read(t, testdata+"example_indicator.json", &indicator)

	object := func(key string) map[string]any {
		o, ok := example[key].(map[string]any)
		require.True(t, ok, key)
		return o
	}
	created, ok := object("event")["created"].(string)
	require.True(t, ok)
	fetched, err := time.Parse(time.RFC3339Nano, created)
	require.NoError(t, err)
	compact, err := json.Marshal(indicator)
	require.NoError(t, err)

	mapper := threat.NewMapper(threat.MapperConfig{
		ExpirationDuration: 5 * 24 * time.Hour,
		ExpiredStatuses:    []string{"Expired"},
		PreserveOriginal:   true,
		Namespace:          "default",
	})
	event, err := mapper.Event(compact, fetched)
	require.NoError(t, err)
	fields, err := json.Marshal(event.Fields)
	require.NoError(t, err)
	var sample map[string]any
	require.NoError(t, json.Unmarshal(fields, &sample))

	sample["@timestamp"] = event.Timestamp.UTC().Format("2006-01-02T15:04:05.000Z")
	for _, key := range []string{"agent", "ecs", "elastic_agent", "tags"} {
		sample[key] = example[key]
	}
	object("agent")["type"] = "threatqbeat"
	sample["input"] = map[string]any{"type": config.InputType}
	ofEvent, ok := sample["event"].(map[string]any)
	require.True(t, ok)
	for _, key := range []string{"agent_id_status", "created", "ingested"} {
		ofEvent[key] = object("event")[key]
	}
	content, err := json.MarshalIndent(sample, "", "  ")
	require.NoError(t, err)
	return append(content, '\n')
}

func read(t *testing.T, name string, into any) {
	t.Helper()
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, into))
}
