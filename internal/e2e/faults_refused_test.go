// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// What Elasticsearch refuses because of the cluster's state or of privileges is held
// until somebody has mended it, and through a SIGKILL. The cursor stays, the health says
// what to do, and all of it arrives by itself.
func TestRefusedByTheClusterIsHeld(t *testing.T) {
	t.Parallel()
	for name, answer := range clusterRefusals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const indicators = 300
			sim := startAppliance(t, tidy(indicators))
			es := startElasticsearch(t)
			var mended atomic.Bool
			es.refuse = func(beattest.Event) *verdict {
				if mended.Load() {
					return nil
				}
				return answer
			}
			dir := beattest.NewDir(t)
			settings := es.output(map[string]any{"backoff": map[string]any{"init": "100ms", "max": "200ms"}})
			settings["threatqbeat.inputs"] = []any{sim.input("one", map[string]any{"page_size": 100})}
			settings["threatqbeat.max_ack_delay"] = "2s"
			settings["queue.mem.flush.timeout"] = "0s"
			get := withEndpoint(t, dir, settings)
			dir.Configure(settings)

			var reason string
			health := func(want string) func() bool {
				return func() bool {
					var root beattest.Event
					if !get("/", &root) {
						return false
					}
					reason, _ = root.Get("health.reason").(string)
					return root.Get("health.status") == want
				}
			}
			for range 2 {
				beat := dir.Start("run")
				beat.Eventually("the health to say so", health("degraded"))
				if answer.Status < 429 {
					assert.Contains(t, reason, answer.Error["type"])
					assert.Contains(t, reason, "held and sent again")
				} else {
					assert.Contains(t, reason, "the output has acknowledged nothing for 2s")
				}
				bulks := es.bulks()
				beat.Eventually("further attempts", func() bool { return es.bulks() >= bulks+3 })
				assert.Less(t, es.bulks(), 1000, "attempts have pauses")
				assert.Empty(t, savedCursors(t, dir)["one"].Get("mark"), "the cursor stays")
				assert.Empty(t, es.events())
				beat.Kill()
			}

			beat := dir.Start("run")
			beat.Eventually("the health to say so", health("degraded"))
			mended.Store(true)
			beat.Eventually("the arrival of everything", func() bool { return len(es.events()) >= indicators })
			beat.Eventually("the health to recover", health("healthy"))
			beat.Eventually("the cursor", func() bool { return savedCursors(t, dir)["one"].Get("collected") == float64(indicators) })
			beat.Stop()
			sim.requireEach(t, es.events(), true)
			for _, message := range dir.LogMessages("warn") {
				assert.NotContains(t, message, "event was dropped")
				assert.NotContains(t, message, "Cannot index event")
			}
		})
	}
}

// A document that Elasticsearch refuses for its content costs itself only. The log, the
// metrics and the health say so, the document is kept in the log of events, and the
// cursor moves on.
func TestOutputRejectsSingleDocuments(t *testing.T) {
	t.Parallel()
	const indicators, rejected = 1_000, 10
	sim := startAppliance(t, tidy(indicators))
	es := startElasticsearch(t)
	busy := map[int64]bool{}
	es.refuse = func(event beattest.Event) *verdict {
		id, _ := event.Get("threatq.id").(float64)
		switch {
		case int64(id)%(indicators/rejected) == 0:
			return mappingConflict
		case int64(id)%7 == 0 && !busy[int64(id)]:
			busy[int64(id)] = true
			return tooManyRequests // for now
		}
		return nil
	}
	dir := beattest.NewDir(t)
	settings := es.output(map[string]any{"backoff": map[string]any{"init": "50ms", "max": "100ms"}})
	settings["threatqbeat.inputs"] = []any{sim.input("one", map[string]any{"page_size": 100})}
	settings["queue.mem.flush.timeout"] = "0s"
	get := withEndpoint(t, dir, settings)
	dir.Configure(settings)
	beat := dir.Start("run")
	beat.Eventually("the arrival of the others", func() bool { return len(es.events()) >= indicators-rejected })
	beat.Eventually("the cursor", func() bool { return savedCursors(t, dir)["one"].Get("collected") == float64(indicators) })
	var root, stats beattest.Event
	var inputs []beattest.Event
	beat.Eventually("the metrics", func() bool {
		root, stats, inputs = nil, nil, nil
		return get("/", &root) && get("/stats", &stats) && get("/inputs/", &inputs) && stats.Get("threatqbeat.indicators.refused") == float64(rejected)
	})
	assert.Equal(t, "degraded", root.Get("health.status"))
	assert.Contains(t, root.Get("health.reason"), "the output refused 10 documents for the content")
	assert.Contains(t, root.Get("health.reason"), "document_parsing_exception")
	assert.EqualValues(t, rejected, inputs[0]["indicators_refused_total"])
	assert.EqualValues(t, rejected, stats.Get("libbeat.output.events.dropped"))
	beat.Eventually("the cycle's line", func() bool { return len(refusedLines(dir)) > 0 })
	beat.Stop()

	counts := countIDs(es.events())
	require.Len(t, counts, indicators-rejected)
	for id, n := range counts {
		assert.Equal(t, 1, n, "indicator %d", id)
	}
	named := 0
	lines := refusedLines(dir)
	for _, line := range lines {
		named += strings.Count(line, "threatq.id ")
		assert.Contains(t, line, "document_parsing_exception")
	}
	assert.Equal(t, rejected, named, "%q", lines)
	cycles := 0
	for _, message := range dir.LogMessages("info") {
		if message == "The cycle is complete." {
			cycles++
		}
	}
	assert.LessOrEqual(t, len(lines), cycles+1, "one line per cycle, and one at the end: %q", lines)
	kept := 0
	for _, message := range dir.LogMessages("warn") {
		// In the log of events, which is apart because of what it holds.
		if strings.HasPrefix(message, "Cannot index event") && strings.Contains(message, "document_parsing_exception") &&
			strings.Contains(message, `"indicator_value"`) {
			kept++
		}
	}
	assert.Equal(t, rejected, kept)

	// The next start doesn't collect them anew.
	before := sim.Stats().Indicators
	beat = dir.Start("run")
	requests := sim.Stats().Total(simulator.EndpointData)
	beat.Eventually("another cycle", func() bool { return sim.Stats().Total(simulator.EndpointData) > requests })
	beat.Stop()
	assert.Equal(t, before, sim.Stats().Indicators)
}

// The latest indicator of all was refused, and then the process was killed: the cursor is
// behind it, so that only a sweep can bring it once the mapping is mended.
func TestLatestIsSentAgainAfterAKill(t *testing.T) {
	t.Parallel()
	const indicators = 100
	sim := startAppliance(t, tidy(indicators))
	es := startElasticsearch(t)
	var mended atomic.Bool
	es.refuse = func(event beattest.Event) *verdict {
		if event.Get("threatq.id") == float64(indicators) && !mended.Load() {
			return mappingConflict
		}
		return nil
	}
	dir := beattest.NewDir(t)
	settings := es.output(nil)
	settings["threatqbeat.inputs"] = []any{sim.input("one", map[string]any{"reconcile.interval": "1s"})}
	settings["queue.mem.flush.timeout"] = "0s"
	dir.Configure(settings)
	beat := dir.Start("run")
	beat.Eventually("the cursor", func() bool { return savedCursors(t, dir)["one"].Get("collected") == float64(indicators) })
	beat.Kill()
	mended.Store(true)
	beat = dir.Start("run")
	beat.Eventually("the latest", func() bool { return countIDs(es.events())[indicators] > 0 })
	beat.Stop()
	sim.requireEach(t, es.events(), false)
}

// refusedLines are the errors that name refused documents.
func refusedLines(dir *beattest.Dir) (lines []string) {
	for _, message := range dir.LogMessages("error") {
		if strings.Contains(message, "for the content: ") {
			lines = append(lines, message)
		}
	}
	return lines
}

// The queue on disk keeps nothing of the input that an event is from. What is held or
// refused is said of all inputs then.
func TestRefusedBehindTheQueueOnDisk(t *testing.T) {
	t.Parallel()
	const indicators = 300
	sim := startAppliance(t, tidy(indicators))
	es := startElasticsearch(t)
	var mended atomic.Bool
	es.refuse = func(event beattest.Event) *verdict {
		id, _ := event.Get("threatq.id").(float64)
		switch {
		case int64(id)%100 == 0:
			return mappingConflict
		case int64(id)%10 == 0 && !mended.Load():
			return clusterRefusals["no pipeline"]
		}
		return nil
	}
	dir := beattest.NewDir(t)
	settings := es.output(map[string]any{"backoff": map[string]any{"init": "50ms", "max": "100ms"}})
	settings["threatqbeat.inputs"] = []any{sim.input("one", nil)}
	settings["queue.disk"] = map[string]any{"max_size": "100MB"}
	get := withEndpoint(t, dir, settings)
	settings["logging"] = map[string]any{"to_files": true, "metrics.enabled": false}
	dir.Write("threatqbeat.yml", settings) // without a setting of the queue in memory
	var root beattest.Event
	health := func(reason string) func() bool {
		return func() bool {
			root = nil
			return get("/", &root) && root.Get("health.status") == "degraded" && strings.Contains(fmt.Sprint(root.Get("health.reason")), reason)
		}
	}
	beat := dir.Start("run")
	beat.Eventually("the health to say what is held", health("pipeline with id [logs-ti_threatq.threat] does not exist"))
	mended.Store(true)
	beat.Eventually("the arrival of the others", func() bool { return len(es.events()) >= indicators-indicators/100 })
	beat.Eventually("the health to say what was refused", health("the output refused 3 documents for the content"))
	var stats beattest.Event
	beat.Eventually("the metrics", func() bool {
		return get("/stats", &stats) && stats.Get("threatqbeat.indicators.refused") == float64(indicators/100)
	})
	beat.Eventually("the cycle's line", func() bool { return len(refusedLines(dir)) > 0 })
	beat.Stop()
}
