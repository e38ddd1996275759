// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"
	jsoncodec "github.com/elastic/beats/v7/libbeat/outputs/codec/json"

	"github.com/threatqbeat/threatqbeat/config"
)

var update = flag.Bool("update", false, "write the golden files of the mapping anew")

// testFetched is when the indicators of the tests were fetched.
var testFetched = time.Date(2024, time.August, 2, 6, 46, 26, int(556*time.Millisecond), time.UTC)

func testMapper(change ...func(*MapperConfig)) *Mapper {
	cfg := MapperConfig{
		ExpirationDuration: 90 * 24 * time.Hour,
		ExpiredStatuses:    []string{defaultExpiredStatus},
		Namespace:          "default",
	}
	for _, c := range change {
		c(&cfg)
	}
	return NewMapper(cfg)
}

// encodeEvent returns an event as an output that writes JSON does: through
// Libbeat's codec.
func encodeEvent(t testing.TB, event beat.Event) map[string]any {
	t.Helper()
	encoded, err := jsoncodec.New("9.9.9", jsoncodec.Config{}).Encode("threatqbeat", &event)
	require.NoError(t, err)
	return decodeDocument(t, encoded)
}

func decodeDocument(t testing.TB, encoded []byte) map[string]any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(encoded))
	dec.UseNumber() // an id may be beyond what a float64 can say
	var doc map[string]any
	require.NoError(t, dec.Decode(&doc), "%s", encoded)
	delete(doc, "@metadata")
	return doc
}

// flatten returns the leaves of a document by their dotted names.
func flatten(doc map[string]any) map[string]any {
	flat := map[string]any{}
	var walk func(prefix string, m map[string]any)
	walk = func(prefix string, m map[string]any) {
		for k, v := range m {
			if sub, ok := v.(map[string]any); ok {
				walk(prefix+k+".", sub)
			} else {
				flat[prefix+k] = v
			}
		}
	}
	walk("", doc)
	return flat
}

// TestExample compares the event of the documentation's example field by field
// with what the documentation says of it.
func TestExample(t *testing.T) {
	indicator, err := os.ReadFile("testdata/example_indicator.json")
	require.NoError(t, err)
	var raw bytes.Buffer // the example is indented, ThreatQ's answers aren't
	require.NoError(t, json.Compact(&raw, indicator))

	duration, err := config.ParseLifetime("5d")
	require.NoError(t, err)
	event, err := testMapper(func(c *MapperConfig) {
		c.ExpirationDuration = duration
		c.PreserveOriginal = true
	}).Event(raw.Bytes(), testFetched)
	require.NoError(t, err)
	got := flatten(encodeEvent(t, event))

	file, err := os.ReadFile("testdata/example_event.json")
	require.NoError(t, err)
	dec := json.NewDecoder(bytes.NewReader(file))
	dec.UseNumber()
	var doc map[string]any
	require.NoError(t, dec.Decode(&doc))
	want := flatten(doc)

	// What describes the shipper and its run, and is set by Libbeat, by Elastic
	// Agent, by the ingest pipeline or by the configuration.
	for _, name := range []string{
		"agent.ephemeral_id", "agent.id", "agent.name", "agent.type", "agent.version",
		"ecs.version", "elastic_agent.id", "elastic_agent.snapshot", "elastic_agent.version",
		"event.agent_id_status", "event.ingested", "input.type",
	} {
		assert.Contains(t, want, name)
		assert.NotContains(t, got, name, "the mapper has no business with it")
		delete(want, name)
	}
	// The same with another value.
	assert.Equal(t, "94389", want["data_stream.namespace"])
	want["data_stream.namespace"] = "default"
	// The example's time of the fetch happens to be the one of this test.
	assert.Equal(t, "2024-08-02T06:46:26.556Z", want["event.created"])
	// The configured tags come after the mapper's.
	assert.Equal(t, []any{"preserve_original_event", "forwarded", "threatq-threat"}, want["tags"])
	want["tags"] = []any{"preserve_original_event"}

	// What the example lacks: an older shipper made it.
	for name, value := range map[string]any{
		"event.module":                 "ti_threatq",
		"threatq.updated_at":           "2019-11-15T00:00:02.000Z",
		"threat.indicator.name":        "89.160.20.156",
		"threat.indicator.provider":    []any{"AlienVault OTX"},
		"threat.indicator.first_seen":  "2020-09-11T14:35:53.000Z",
		"threat.indicator.last_seen":   "2020-10-15T14:36:00.000Z",
		"threat.indicator.modified_at": "2019-11-15T00:00:02.000Z",
		"threat.feed.name":             "ThreatQuotient",
		"threat.feed.dashboard_id":     "threatq-overview",
		"related.ip":                   []any{"89.160.20.156"},
	} {
		assert.NotContains(t, want, name)
		want[name] = value
	}

	for name := range want {
		assert.Equal(t, want[name], got[name], name)
	}
	for name := range got {
		assert.Contains(t, want, name, "the event has a field that the documentation doesn't name")
	}
	// It is a string that was received, not one that was made again.
	assert.Equal(t, raw.String(), got["event.original"])
}

// TestTypes has every indicator type with tidy and untidy values. Its golden
// file holds what depends on them.
func TestTypes(t *testing.T) {
	var cases []struct{ Type, Value string }
	readTable(t, "types.json", &cases)
	m := testMapper()
	golden := make([]any, 0, len(cases))
	for _, tc := range cases {
		raw, err := json.Marshal(map[string]any{"id": 1, "type": map[string]any{"name": tc.Type}, "value": tc.Value})
		require.NoError(t, err)
		event, err := m.Event(raw, testFetched)
		require.NoError(t, err, "%s", raw)
		doc := encodeEvent(t, event)
		threat, ok := doc["threat"].(map[string]any)
		require.True(t, ok)
		indicator, ok := threat["indicator"].(map[string]any)
		require.True(t, ok)
		assert.Equal(t, tc.Value, indicator["name"])
		assert.Equal(t, "enrichment", flatten(doc)["event.kind"])
		delete(indicator, "name")
		delete(indicator, "confidence")
		row := map[string]any{"1_type": tc.Type, "2_value": tc.Value, "indicator": indicator}
		for _, name := range []string{"related", "error"} {
			if doc[name] != nil {
				row[name] = doc[name]
			}
		}
		golden = append(golden, row)
	}
	compareGolden(t, "types.golden.json", golden)
}

// TestUntidy has what real answers are like. Its golden file holds the events.
func TestUntidy(t *testing.T) {
	var cases []struct {
		Name      string
		Indicator json.RawMessage
	}
	readTable(t, "untidy.json", &cases)
	m := testMapper()
	golden := make([]any, 0, len(cases))
	for _, tc := range cases {
		event, err := m.Event(tc.Indicator, testFetched)
		doc := encodeEvent(t, event)
		if err != nil {
			assert.Equal(t, "pipeline_error", flatten(doc)["event.kind"], tc.Name)
			assert.Equal(t, err.Error(), flatten(doc)["error.message"], tc.Name)
			assert.Equal(t, string(tc.Indicator), flatten(doc)["event.original"], tc.Name)
		} else {
			assert.Equal(t, "enrichment", flatten(doc)["event.kind"], tc.Name)
			// These are the same in each and were compared by TestExample.
			delete(doc, "data_stream")
			delete(doc, "event")
			threat, ok := doc["threat"].(map[string]any)
			require.True(t, ok)
			delete(threat, "feed")
		}
		golden = append(golden, map[string]any{"0_name": tc.Name, "event": doc})
	}
	compareGolden(t, "untidy.golden.json", golden)
}

func readTable(t *testing.T, name string, table any) {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("testdata", "mapping", name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(file, table))
}

// compareGolden compares each row with the golden file's, which has one a line.
func compareGolden(t *testing.T, name string, rows []any) {
	t.Helper()
	var text strings.Builder
	for _, row := range rows {
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		require.NoError(t, enc.Encode(row))
	}
	path := filepath.Join("testdata", "mapping", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o644))
	}
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	want := strings.SplitAfter(string(file), "\n")
	got := strings.SplitAfter(text.String(), "\n")
	for i := range min(len(want), len(got)) {
		assert.Equal(t, want[i], got[i])
	}
	assert.True(t, reflect.DeepEqual(want, got), "%s has %d rows instead of %d; -update writes it anew", path, len(want), len(got))
}
