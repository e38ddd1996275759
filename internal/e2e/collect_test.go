// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"maps"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

func TestEveryIndicatorArrivesOnce(t *testing.T) {
	t.Parallel()
	indicators, updated := 50_000, 500
	if beattest.RaceEnabled {
		indicators = 5_000
	}
	sim := startAppliance(t, tidy(indicators))
	dir := beattest.NewDir(t)
	dir.Configure(map[string]any{
		"threatqbeat.inputs": []any{sim.input("one", nil)}, "logging": map[string]any{"level": "info", "to_files": true},
	})
	beat := dir.Start("run")

	beat.Eventually("the collection", func() bool { return dir.Lines() >= indicators })
	sim.requireEach(t, dir.Events(), true)

	// What is updated later arrives in a later cycle, and nothing else does.
	touched := sim.Touch(updated)
	beat.Eventually("the collection of the updates", func() bool { return dir.Lines() >= indicators+updated })
	requestsBefore := sim.Stats().Total(simulator.EndpointData)
	beat.Eventually("three more cycles", func() bool { return sim.Stats().Total(simulator.EndpointData) >= requestsBefore+3 })
	beat.Stop()

	events := dir.Events()
	require.Len(t, events, indicators+updated)
	later := countIDs(events[indicators:])
	for _, id := range touched {
		assert.Equal(t, 1, later[id], "indicator %d", id)
	}
	assert.EqualValues(t, indicators+updated, sim.Stats().Indicators, "indicators fetched, each version once")
	assert.Equal(t, 1, sim.Stats().Tokens, "tokens")
}

func TestRestartContinuesFromTheSavedCursor(t *testing.T) {
	t.Parallel()
	const indicators = 5_000
	sim := startAppliance(t, tidy(indicators))
	dir := beattest.NewDir(t)
	dir.Configure(map[string]any{"threatqbeat.inputs": []any{sim.input("one", nil)}})

	beat := dir.Start("run")
	beat.Eventually("the first collection", func() bool { return dir.Lines() >= indicators })
	beat.Stop()

	sim.Add(100)
	beat = dir.Start("run")
	beat.Eventually("the second collection", func() bool { return dir.Lines() >= indicators+100 })
	beat.Stop()
	sim.requireEach(t, dir.Events(), true)
}

func TestKilledAtRandomLosesNothing(t *testing.T) {
	t.Parallel()
	indicators, kills := 20_000, 10
	if beattest.RaceEnabled {
		indicators = 5_000
	}
	cfg := tidy(indicators)
	cfg.Latency = 10 * time.Millisecond
	sim := startAppliance(t, cfg)
	dir := beattest.NewDir(t)
	// Small pages, so that there are many moments to be killed in.
	dir.Configure(map[string]any{
		"threatqbeat.inputs": []any{sim.input("one", map[string]any{"page_size": 100})}, "logging": map[string]any{"level": "info", "to_files": true},
	})

	random := rand.New(rand.NewPCG(1, 2))
	for range kills {
		before := sim.Stats().Total(simulator.EndpointData)
		beat := dir.Start("run")
		beat.Eventually("the first page", func() bool { return sim.Stats().Total(simulator.EndpointData) > before })
		time.Sleep(time.Duration(random.IntN(150)) * time.Millisecond)
		beat.Kill()
		// Updates while it is down must arrive too.
		sim.Touch(10)
	}

	beat := dir.Start("run")
	drained := func() bool {
		counts := countIDs(dir.Events())
		for indicator := range sim.Expected() {
			if counts[indicator.ID] == 0 {
				return false
			}
		}
		return true
	}
	beat.Eventually("the collection of the rest", settled(dir.Lines, drained))
	beat.Stop()
	sim.requireEach(t, dir.Events(), false)
}

func TestSeveralInputs(t *testing.T) {
	t.Parallel()
	a, b := startAppliance(t, tidy(2_000)), startAppliance(t, simulator.Config{Indicators: 3_000, Seed: 2, FirstID: 1_000_000})
	dir := beattest.NewDir(t)
	dir.Configure(map[string]any{"threatqbeat.inputs": []any{
		a.input("a", map[string]any{"data_stream.namespace": "first"}),
		b.input("b", map[string]any{"data_stream.namespace": "second", "tags": []string{"mine"}, "publisher_pipeline.disable_host": false}),
	}})
	beat := dir.Start("run")
	beat.Eventually("both collections", func() bool { return dir.Lines() >= 5_000 })
	beat.Stop()

	events := dir.Events()
	require.Len(t, events, 5_000)
	for _, event := range events {
		if event.Get("threatq.id").(float64) < 1_000_000 {
			assert.Equal(t, "first", event.Get("data_stream.namespace"))
			assert.Equal(t, []any{"forwarded", "threatq-threat"}, event.Get("tags"))
			assert.Nil(t, event.Get("host"))
		} else {
			assert.Equal(t, "second", event.Get("data_stream.namespace"))
			assert.Equal(t, []any{"mine"}, event.Get("tags"))
			assert.NotNil(t, event.Get("host.name"))
		}
		assert.Equal(t, "threatq", event.Get("input.type"))
		assert.Equal(t, "threatqbeat", event.Get("agent.type"))
	}
}

func TestInputsFromFilesAreFollowed(t *testing.T) {
	t.Parallel()
	a, b := startAppliance(t, tidy(100)), startAppliance(t, simulator.Config{Indicators: 200, Seed: 2, FirstID: 1_000_000})
	dir := beattest.NewDir(t)
	dir.Write("inputs.d/a.yml", []any{a.input("a", nil)})
	dir.Configure(map[string]any{"threatqbeat.config.inputs": map[string]any{
		"enabled": true, "path": dir.File("inputs.d", "*.yml"), "reload.enabled": true, "reload.period": "1s",
	}})
	beat := dir.Start("run")
	beat.Eventually("the collection of the first file's input", func() bool { return dir.Lines() >= 100 })

	dir.Write("inputs.d/b.yml", []any{b.input("b", nil)})
	beat.Eventually("the collection of the second file's input", func() bool { return dir.Lines() >= 300 })

	require.NoError(t, os.Remove(dir.File("inputs.d", "b.yml")))
	beat.Eventually("the end of the second input", func() bool {
		before := b.Stats().Total(simulator.EndpointData)
		time.Sleep(3 * time.Second)
		return b.Stats().Total(simulator.EndpointData) == before
	})
	beat.Stop()
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			cfg := tidy(1_000_000)
			sim := startAppliance(t, cfg)
			dir := beattest.NewDir(t)
			dir.Configure(map[string]any{"threatqbeat.inputs": []any{sim.input("one", nil)}})
			beat := dir.Start("run")
			beat.Eventually("some events", func() bool { return dir.Lines() > 2_000 })
			start := time.Now()
			beat.Signal(sig)
			assert.Zero(t, beat.Wait(), beat.Output())
			assert.Less(t, time.Since(start), soon)
		})
	}
}

// The events of an input go to the data stream of its namespace, whatever becomes of
// them on the way.
func TestNamespacesHaveDataStreams(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]map[string]any{
		"nothing sees them":  {},
		"a processor":        {"processors": []any{map[string]any{"drop_fields": map[string]any{"fields": []string{"input"}}}}},
		"fields of the user": {"fields": map[string]any{"team": "soc"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, es := startAppliance(t, tidy(50)), startElasticsearch(t)
			dir := beattest.NewDir(t)
			all := map[string]any{"threatqbeat.inputs": []any{
				sim.input("default", nil), sim.input("soc", map[string]any{"data_stream.namespace": "soc"}),
			}}
			maps.Copy(all, es.output(nil))
			maps.Copy(all, settings)
			dir.Configure(all)
			beat := dir.Start("run")
			beat.Eventually("the arrival of everything", func() bool { return len(es.events()) >= 100 })
			beat.Stop()
			namespaces := map[any]int{}
			for _, event := range es.events() {
				namespaces[event.Get("data_stream.namespace")]++
			}
			assert.Equal(t, map[any]int{"default": 50, "soc": 50}, namespaces)
		})
	}
}
