// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	agentproto "github.com/elastic/elastic-agent-client/v7/pkg/proto"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

func TestAgentCollects(t *testing.T) {
	t.Parallel()
	const secret = "never-to-be-$$een-by-${anybody}"
	first, second := tidy(300), simulator.Config{Indicators: 200, Seed: 2, FirstID: 1_000_000}
	first.ClientSecret, second.ClientSecret = secret, secret
	a, b := startAppliance(t, first), startAppliance(t, second)
	dir := beattest.NewDir(t)
	agent := startElasticAgent(t)

	input := newInputUnit(t, inputUnit, 1,
		stream{id: "plain", settings: a.input("", nil)},
		stream{
			id:         "other-dataset",
			dataStream: &agentproto.DataStream{Dataset: "ti_threatq.other", Type: "logs"},
			settings: b.input("", map[string]any{
				"tags":        []any{"mine"},
				"data_stream": map[string]any{"dataset": "ti_threatq.other", "type": "logs"},
				"processors":  []any{map[string]any{"add_fields": map[string]any{"target": "labels", "fields": map[string]any{"team": "soc"}}}},
			}),
		})
	input.Config.DataStream.Namespace = "soc"
	// Trace is what shows most.
	input = withLogLevel(input, agentproto.UnitLogLevel_TRACE)
	output := newOutputUnit(t, dir, "events", 1)
	agent.expect(input, output)

	beat := agent.start(dir)
	beat.Eventually("healthy units", agent.healthy(input, output))
	beat.Eventually("all events", func() bool { return dir.Lines() >= 500 })

	assert.Equal(t, agentproto.State_STARTING, agent.states(inputUnit)[0])
	for _, id := range []string{"plain", "other-dataset"} {
		state, message := agent.streamState(inputUnit, id)
		assert.Equal(t, "HEALTHY", state, id)
		assert.Empty(t, message, id)
	}
	agent.mu.Lock()
	require.NotEmpty(t, agent.versions)
	assert.Equal(t, "beat-v2-client", agent.versions[0].Name)
	agent.mu.Unlock()

	events := dir.Events()
	require.Len(t, events, 500)
	for _, event := range events {
		dataset, id := "ti_threatq.threat", "plain"
		if event.Get("threatq.id").(float64) >= 1_000_000 {
			dataset, id = "ti_threatq.other", "other-dataset"
			assert.Equal(t, []any{"mine"}, event.Get("tags"))
			assert.Equal(t, "soc", event.Get("labels.team"))
			assert.NotNil(t, event.Get("host.architecture"), "it is not tagged as forwarded")
		} else {
			assert.Equal(t, []any{"forwarded", "threatq-threat"}, event.Get("tags"))
			assert.Nil(t, event.Get("host.architecture"))
		}
		for path, want := range map[string]any{
			"data_stream.type": "logs", "data_stream.dataset": dataset, "data_stream.namespace": "soc",
			"event.dataset": dataset, "event.module": "ti_threatq", "input.type": "threatq",
			"elastic_agent.id": agentID, "elastic_agent.version": agentVersion, "elastic_agent.snapshot": false,
			"agent.id": agentID, "agent.type": "threatqbeat", "agent.version": agentVersion,
			"@metadata.raw_index": "logs-" + dataset + "-soc", "@metadata.input_id": "first", "@metadata.stream_id": id,
		} {
			require.Equal(t, want, event.Get(path), path)
		}
	}

	requireDiagnosis(t, agent, input, a, secret)
	requireCleanStop(t, agent, beat, input, output)
	assert.Contains(t, beat.Output(), `"log.level":"debug"`)
	assert.NotContains(t, beat.Output(), secret)
	for _, token := range append(a.IssuedTokens(), b.IssuedTokens()...) {
		assert.NotContains(t, beat.Output(), token)
	}
}

// requireDiagnosis checks what the action diagnostics gets.
func requireDiagnosis(t *testing.T, agent *elasticAgent, unit *agentproto.UnitExpected, a *appliance, secrets ...string) {
	t.Helper()
	results := agent.diagnostics(unit)
	for name, result := range results {
		for _, secret := range append(secrets, a.IssuedTokens()...) {
			assert.NotContains(t, string(result.Content), secret, name)
		}
	}
	require.Contains(t, results, "threatq_plain")
	assert.Contains(t, results, "threatq_other-dataset")
	assert.Contains(t, results, "input_metrics")
	assert.Contains(t, string(results["beat-rendered-config"].GetContent()), a.URL)

	file := results["threatq_plain"]
	assert.Equal(t, "threatq_plain.json", file.Filename)
	assert.Equal(t, "application/json", file.ContentType)
	var d beattest.Event
	require.NoError(t, json.Unmarshal(file.Content, &d), string(file.Content))
	cfg := a.Config()
	configuration, _ := d["configuration"].(map[string]any)
	assert.Equal(t, a.URL, configuration["url"])
	assert.Equal(t, cfg.DataCollectionID, configuration["data_collection_id"])
	assert.Equal(t, "(set)", configuration["auth.oauth2.client.secret"])
	assert.Equal(t, "1s", configuration["interval"])
	assert.Equal(t, "logs-ti_threatq.threat-soc", configuration["index"])
	assert.Equal(t, true, d["running"])
	assert.Equal(t, "healthy", d["health"])
	assert.EqualValues(t, a.Len(), d.Get("cursor.collected"))
	assert.NotEmpty(t, d.Get("cursor.mark"))
	assert.Equal(t, d.Get("cursor.mark"), d.Get("saved_cursor.mark"))
	assert.EqualValues(t, a.Len(), d.Get("last_cycle.total"))
	assert.Contains(t, d["last_cycle"], "duration_ms")
	assert.NotEmpty(t, d["last_success"])
	assert.NotContains(t, d, "last_error")
}

// requireCleanStop stops a component as Elastic Agent does: its units first, then
// the process.
func requireCleanStop(t *testing.T, agent *elasticAgent, beat *beattest.Process, units ...*agentproto.UnitExpected) {
	t.Helper()
	agent.expect(stopped(units...)...)
	beat.Eventually("stopped units", func() bool {
		for _, unit := range units {
			if agent.unit(unit.Id).State != agentproto.State_STOPPED {
				return false
			}
		}
		return true
	})
	beat.Stop()
	assert.NotContains(t, beat.Output(), "panic")
}

// The component waits at a stop for what the output has not acknowledged yet, as the
// specification promises, so that nothing is collected again.
func TestAgentStopWaitsForTheOutput(t *testing.T) {
	t.Parallel()
	const indicators = 50
	a := startAppliance(t, tidy(indicators))
	es := startElasticsearch(t)
	es.block()
	dir := beattest.NewDir(t)
	agent := startElasticAgent(t)
	input := newInputUnit(t, inputUnit, 1, stream{id: "one", settings: a.input("", nil)})
	output := newElasticsearchUnit(t, es.URL)
	agent.expect(input, output)
	beat := agent.start(dir)
	beat.Eventually("a whole page on its way", func() bool {
		return es.bulks() > 0 && strings.Contains(beat.Output(), "The cycle is complete.")
	})
	time.AfterFunc(2*time.Second, es.unblock)
	beat.Stop()
	require.Len(t, es.events(), indicators)

	beat = agent.start(dir)
	requests := a.Stats().Total(simulator.EndpointData)
	beat.Eventually("further cycles", func() bool { return a.Stats().Total(simulator.EndpointData) > requests+2 })
	requireCleanStop(t, agent, beat, input, output)
	a.requireEach(t, es.events(), true)
}

func TestAgentFollowsThePolicy(t *testing.T) {
	t.Parallel()
	collections := startCollections(t,
		simulator.Config{Indicators: 300, Seed: 1, DataCollectionID: "aaaa"},
		simulator.Config{Indicators: 200, Seed: 2, FirstID: 1_000_000, DataCollectionID: "bbbb"})
	a, b := collections.appliances[0], collections.appliances[1]
	dir := beattest.NewDir(t)
	agent := startElasticAgent(t)
	output := newOutputUnit(t, dir, "events", 1)
	unit := func(revision uint64, settings map[string]any) *agentproto.UnitExpected {
		return newInputUnit(t, inputUnit, revision, stream{id: "one", settings: a.input("", settings)})
	}
	input := unit(1, nil)
	agent.expect(output, input)
	beat := agent.start(dir)
	beat.Eventually("the first collection", func() bool { return dir.Lines() >= 300 })
	beat.Eventually("healthy units", agent.healthy(output, input))
	cycle := func(of *appliance) {
		t.Helper()
		before := of.Stats().Total(simulator.EndpointData)
		beat.Eventually("two more requests", func() bool { return of.Stats().Total(simulator.EndpointData) >= before+2 })
	}

	// A revision without a change, and one with: the cursor stays.
	input = unit(2, nil)
	agent.expect(output, input)
	beat.Eventually("the second revision", agent.healthy(input))
	input = unit(3, map[string]any{"page_size": 100, "tags": []any{"changed"}})
	agent.expect(output, input)
	beat.Eventually("the third revision", agent.healthy(input))
	a.Add(5)
	beat.Eventually("what was added", func() bool { return dir.Lines() >= 305 })
	events := dir.Events()
	assert.Equal(t, []any{"changed"}, events[len(events)-1].Get("tags"))

	// The log level changes, and nothing else.
	assert.NotContains(t, beat.Output(), `"log.level":"debug"`)
	agent.expect(output, withLogLevel(input, agentproto.UnitLogLevel_DEBUG))
	beat.Eventually("debug messages", func() bool { return strings.Contains(beat.Output(), `"log.level":"debug"`) })
	agent.expect(withLogLevel(output, agentproto.UnitLogLevel_ERROR), withLogLevel(input, agentproto.UnitLogLevel_ERROR))
	beat.Eventually("healthy units", agent.healthy(output, input))
	beat.Eventually("the end of the info messages", func() bool {
		before := strings.Count(beat.Output(), "The cycle is complete.")
		cycle(a)
		return strings.Count(beat.Output(), "The cycle is complete.") == before
	})
	assert.Len(t, dir.Events(), 305, "nothing was collected twice")

	// Another data collection, from its start.
	other := newInputUnit(t, inputUnit, 4, stream{id: "one", settings: a.input("", map[string]any{"data_collection_id": "bbbb"})})
	agent.expect(output, other)
	beat.Eventually("the other collection", func() bool { return dir.Lines() >= 505 })
	b.requireEach(t, dir.Events()[305:], true)
	before := a.Stats().Total(simulator.EndpointData)
	cycle(b)
	assert.Equal(t, before, a.Stats().Total(simulator.EndpointData), "requests for the collection before")

	// And back, where it was left.
	a.Add(3)
	input = unit(5, nil)
	agent.expect(output, input)
	beat.Eventually("what was added meanwhile", func() bool { return dir.Lines() >= 508 })
	cycle(a)
	assert.Len(t, dir.Events(), 508)
	requireCleanStop(t, agent, beat, output, input)

	// A restart, and with it a new unit of another id, goes on as well.
	a.Add(2)
	input = newInputUnit(t, outputUnit+"-renamed", 1, stream{id: "one", settings: a.input("", nil)})
	agent.expect(output, input)
	beat = agent.start(dir)
	beat.Eventually("what was added meanwhile", func() bool { return dir.Lines() >= 510 })
	beat.Eventually("healthy units", agent.healthy(output, input))
	requireCleanStop(t, agent, beat, output, input)
	assert.Len(t, dir.Events(), 510)
}

func TestAgentRemovesAUnit(t *testing.T) {
	t.Parallel()
	a, b := startAppliance(t, tidy(100)), startAppliance(t, simulator.Config{Indicators: 100, Seed: 2, FirstID: 1_000_000})
	dir := beattest.NewDir(t)
	agent := startElasticAgent(t)
	output := newOutputUnit(t, dir, "events", 1)
	stays := newInputUnit(t, outputUnit+"-stays", 1, stream{id: "stays", settings: a.input("", nil)})
	goes := newInputUnit(t, outputUnit+"-goes", 1, stream{id: "goes", settings: b.input("", nil)})
	agent.expect(output, stays, goes)
	beat := agent.start(dir)
	beat.Eventually("the events of both", func() bool { return dir.Lines() >= 200 })
	beat.Eventually("healthy units", agent.healthy(output, stays, goes))

	agent.expect(append(stopped(goes), output, stays)...)
	beat.Eventually("a stopped unit", func() bool { return agent.unit(goes.Id).State == agentproto.State_STOPPED })
	atStop := b.Stats().Total(simulator.EndpointData)
	agent.expect(output, stays)
	beat.Eventually("the removal", func() bool { return agent.unit(goes.Id).Id == "" })

	before := a.Stats().Total(simulator.EndpointData)
	beat.Eventually("further cycles of the other", func() bool { return a.Stats().Total(simulator.EndpointData) >= before+3 })
	assert.Equal(t, atStop, b.Stats().Total(simulator.EndpointData), "requests after the stop")
	beat.Eventually("healthy units", agent.healthy(output, stays))

	// It comes back where it was.
	b.Add(5)
	goes.ConfigStateIdx++
	agent.expect(output, stays, goes)
	beat.Eventually("what was added meanwhile", func() bool { return dir.Lines() >= 205 })
	requireCleanStop(t, agent, beat, output, stays, goes)
	assert.Len(t, dir.Events(), 205)
}

// A changed output ends the component, which Elastic Agent starts again.
func TestAgentChangesTheOutput(t *testing.T) {
	t.Parallel()
	indicators := 20_000
	if beattest.RaceEnabled {
		indicators = 5_000
	}
	cfg := tidy(indicators)
	cfg.Latency = 20 * time.Millisecond
	a := startAppliance(t, cfg)
	dir := beattest.NewDir(t)
	agent := startElasticAgent(t)
	input := newInputUnit(t, inputUnit, 1, stream{id: "one", settings: a.input("", map[string]any{"page_size": 100})})
	output := newOutputUnit(t, dir, "events", 1)
	agent.expect(output, input)
	beat := agent.start(dir)
	beat.Eventually("some events", func() bool { return dir.Lines() > 500 })

	elsewhere := beattest.NewDir(t)
	output = newOutputUnit(t, elsewhere, "events", 2)
	agent.expect(output, input)
	require.Zero(t, beat.Wait(), beat.Output())
	before := dir.Lines()

	beat = agent.start(dir)
	beat.Eventually("the rest in the other output", func() bool { return before+elsewhere.Lines() >= indicators })
	beat.Eventually("healthy units", agent.healthy(output, input))
	requireCleanStop(t, agent, beat, output, input)

	require.NotZero(t, elsewhere.Lines())
	require.Equal(t, before, dir.Lines())
	a.requireEach(t, append(dir.Events(), elsewhere.Events()...), false)
}

// What Elastic Agent needs is not touched by a beat that runs on its own.
func TestWithoutAgent(t *testing.T) {
	t.Parallel()
	a := startAppliance(t, tidy(20))
	dir := beattest.NewDir(t)
	dir.Configure(map[string]any{"threatqbeat.inputs": []any{a.input("one", nil)}})
	agent := startElasticAgent(t)
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer reader.Close()
	_, err = writer.Write(agent.stdin)
	require.NoError(t, err)
	require.NoError(t, writer.Close())

	beat := dir.StartWithInput(reader, "run")
	beat.Eventually("the events", func() bool { return dir.Lines() >= 20 })
	beat.Stop()

	unread, err := io.ReadAll(reader)
	require.NoError(t, err)
	assert.Equal(t, agent.stdin, unread, "what was on standard input")
	agent.mu.Lock()
	assert.Empty(t, agent.versions, "check-ins")
	agent.mu.Unlock()
	for _, line := range dir.Logs() {
		assert.NotContains(t, fmt.Sprint(line["log.logger"]), "centralmgmt")
	}
	assert.NotContains(t, dir.Events()[0], "elastic_agent")
}

// A beat that is told to be managed and isn't says so.
func TestManagedByNobody(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	output, code := beattest.NewDir(t).Run("run", "-E", "management.enabled=true")
	assert.Equal(t, 1, code)
	assert.Contains(t, output, "standard input")
	assert.Contains(t, output, "management.enabled")
}
