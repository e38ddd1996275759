// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// hostileIndicators are indicators that an appliance may send to do harm. Each has the id
// that is put into it, and is readable.
var hostileIndicators = map[string]string{
	"control characters":    `{"id":%d,"value":"a\u0000b\u0007\u001b[31m\u2028c","type":{"name":"String"},"description":"\u0000"}`,
	"invalid UTF-8":         "{\"id\":%d,\"value\":\"\xff\xfe\xc3(\",\"type\":{\"name\":\"String\"},\"attributes\":[{\"name\":\"\xc3\x28\",\"value\":\"\xed\xa0\x80\"}]}",
	"half surrogates":       `{"id":%d,"value":"\ud800 \udfff \ud83d","type":{"name":"String"}}`,
	"colliding attributes":  `{"id":%d,"value":"x","attributes":[{"name":"a","value":"1"},{"name":"a.b","value":"2"},{"name":"a.b.c","value":"3"},{"name":"","value":"4"},{"name":".","value":"5"},{"name":"a..b","value":"6"}]}`,
	"colliding keys":        `{"id":%d,"value":"x","a":1,"a.b":2,"threatq":{"id":-1},"threatq.id":-2,"event.kind":"alert","@timestamp":"1970-01-01","@metadata":{"index":"elsewhere","pipeline":"mine","_id":"1"}}`,
	"keys of mappings":      `{"id":%d,"value":"x","attributes":[{"name":"__proto__","value":"1"},{"name":"_id","value":"2"},{"name":"_source","value":"3"},{"name":"constructor","value":"4"}]}`,
	"numbers out of range":  `{"id":%d,"indicator_id":1e400,"score":1e999,"class":-1e-999,"value":"x","updated_at":99999999999999999999999999,"type":{"name":"ASN"}}`,
	"other types":           `{"id":%d,"value":{"a":[1]},"type":[1,2],"status":7,"score":{"x":1},"attributes":{"a":1},"sources":"none","adversaries":[[[]]],"updated_at":{},"expires_at":[]}`,
	"many levels":           `{"id":%d,"value":"x","unknown":` + strings.Repeat(`{"a":[`, 200) + strings.Repeat(`]}`, 200) + `}`,
	"long names":            `{"id":%d,"value":"x","attributes":[{"name":"` + strings.Repeat("n", 1<<20) + `","value":"` + strings.Repeat("v", 1<<20) + `"}]}`,
	"many sources":          `{"id":%d,"value":"x","sources":[` + strings.Repeat(`{"name":"s"},`, 50_000) + `{"name":"t"}]}`,
	"the same key again":    `{"id":%d,` + strings.Repeat(`"value":"x",`, 50_000) + `"value":"y"}`,
	"a URL without an end":  `{"id":%d,"value":"http://[::1%%25` + strings.Repeat("%%41", 10_000) + `]:99999/?` + strings.Repeat("a=b&", 10_000) + `#\u0000","type":{"name":"URL"}}`,
	"a domain of dots":      `{"id":%d,"value":"` + strings.Repeat("a.", 100_000) + `com","type":{"name":"FQDN"}}`,
	"dates of other worlds": `{"id":%d,"value":"x","updated_at":"-9999-99-99 99:99:99","created_at":"292277026596-12-04T15:30:08Z","expires_at":"9999-12-31T23:59:59+99:99","expired_at":"0000-00-00"}`,
}

// Whatever an appliance makes up, threatqbeat's memory and time stay bounded, it
// doesn't end, and each indicator that can be read is published.
func TestHostileAppliance(t *testing.T) {
	t.Parallel()
	const indicators, pageSize = 400, 50
	faulty := map[string]string{ // what the appliance does to every third page or so
		"endless":   "endless*2@2",
		"nested":    "nested@2,nested@4:size=1000000",
		"huge":      "huge@2:size=100MB",
		"many":      "many@2:size=1000000",
		"oversized": "oversized*2@2:size=100MB",
	}
	if beattest.RaceEnabled {
		faulty["huge"], faulty["many"] = "huge@2:size=10MB", "many@2:size=100000"
	}
	dir := beattest.NewDir(t)
	var inputs []any
	appliances := map[string]*appliance{}
	first := int64(0)
	add := func(name string) *appliance {
		first += 1_000_000
		sim := startAppliance(t, simulator.Config{Indicators: indicators, Seed: 3, FirstID: first, Untidy: 0.5})
		appliances[name] = sim
		most := "256MiB"
		if name == "endless" || name == "oversized" {
			most = "32MiB"
		}
		inputs = append(inputs, sim.input(name, map[string]any{
			"page_size": pageSize, "preserve_original_event": name == "hostile", "request.max_body_size": most,
			"request.retry": map[string]any{"max_attempts": 2, "wait_min": "10ms", "wait_max": "20ms"},
		}))
		return sim
	}
	for name, spec := range faulty {
		require.NoError(t, add(name).Inject(spec))
	}
	hostile := add("hostile")
	readable := map[int64]string{}
	for name, text := range hostileIndicators {
		id := hostile.Config().FirstID + 7 + 11*int64(len(readable))
		require.NoError(t, hostile.PutRaw(id, fmt.Appendf(nil, text, id)), name)
		readable[id] = name
	}
	api := freeAddress(t)
	dir.Configure(map[string]any{
		"threatqbeat.inputs": inputs,
		"http":               endpointAt(api),
		"logging":            map[string]any{"level": "info", "to_files": true, "metrics.enabled": false},
	})
	start := time.Now()
	beat := dir.Start("run")
	beat.Eventually("the collection of everything", settled(dir.Lines, func() bool {
		if dir.Lines() < len(appliances)*indicators {
			return false
		}
		counts := arrivals(dir.Events())
		for _, sim := range appliances {
			for indicator := range sim.Expected() {
				if counts[indicator.ID] == 0 {
					return false
				}
			}
		}
		return true
	}))
	t.Logf("Took %s, at most %d MiB.", time.Since(start).Round(time.Millisecond), peakMemory(t, beat.PID())>>20)
	// The page of 100 MB is held, the next one beside it, and what is made of them.
	if !beattest.RaceEnabled { // which takes memory of its own
		assert.Less(t, peakMemory(t, beat.PID()), int64(1500<<20))
	}
	beat.Stop()
	assert.NotContains(t, beat.Output(), "panic")
	for name, sim := range appliances {
		assert.Empty(t, sim.PendingFaults(), name)
	}

	events := dir.Events()
	counts := countIDs(events)
	for _, event := range events {
		kind := event.Get("event.kind")
		assert.Contains(t, []any{"enrichment", "pipeline_error"}, kind)
		assert.Equal(t, "ti_threatq.threat", event.Get("data_stream.dataset"))
		if meta := event.Get("@metadata"); meta != nil {
			assert.NotContains(t, fmt.Sprint(meta), "elsewhere")
		}
		message, _ := event.Get("error.message").(string)
		assert.Less(t, len(message), 64<<10)
		assert.True(t, utf8.ValidString(fmt.Sprint(event.Get("threatq.attributes"))))
	}
	for id, name := range readable {
		assert.Equal(t, 1, counts[id], "an indicator that can be read: %s", name)
	}
}
