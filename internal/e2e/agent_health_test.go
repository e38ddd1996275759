// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	agentproto "github.com/elastic/elastic-agent-client/v7/pkg/proto"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

func TestAgentHealth(t *testing.T) {
	t.Parallel()
	sim, err := simulator.New(tidy(50))
	require.NoError(t, err)
	server, err := sim.Start("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	address := strings.TrimPrefix(server.URL, "http://")
	a := &appliance{sim, server.URL}

	dir := beattest.NewDir(t)
	agent := startElasticAgent(t)
	output := newOutputUnit(t, dir, "events", 1)
	revision := uint64(0)
	apply := func(settings map[string]any) *agentproto.UnitExpected {
		revision++
		all := map[string]any{"request.retry.max_attempts": 1}
		for key, value := range settings {
			all[key] = value
		}
		input := newInputUnit(t, inputUnit, revision, stream{id: "one", settings: a.input("", all)})
		agent.expect(input, output)
		return input
	}
	var beat *beattest.Process
	degraded := func(input *agentproto.UnitExpected, text string) {
		t.Helper()
		beat.Eventually("degraded: "+text, func() bool { return agent.is(input, agentproto.State_DEGRADED, text) })
		state, message := agent.streamState(inputUnit, "one")
		assert.Equal(t, "DEGRADED", state)
		assert.Contains(t, message, text)
		assert.Equal(t, agentproto.State_HEALTHY, agent.unit(outputUnit).State)
	}
	healthy := func(input *agentproto.UnitExpected) {
		t.Helper()
		beat.Eventually("healthy again", agent.healthy(input, output))
		state, message := agent.streamState(inputUnit, "one")
		assert.Equal(t, "HEALTHY", state)
		assert.Empty(t, message)
	}

	input := apply(map[string]any{"auth.oauth2.client.secret": "a-wrong-secret"})
	beat = agent.start(dir)
	degraded(input, "refuses the client's id or secret")

	// The policy is corrected.
	input = apply(nil)
	healthy(input)
	beat.Eventually("the events", func() bool { return dir.Lines() >= 50 })
	input = apply(map[string]any{"data_collection_id": "beef"})
	degraded(input, "knows no such data collection")
	input = apply(nil)
	healthy(input)

	// The appliance is in trouble, in more than one way, and gets over it.
	require.NoError(t, sim.Inject("429*1000000"))
	degraded(input, "too many requests")
	sim.ClearFaults()
	require.NoError(t, server.Close())
	degraded(input, "refuses the connection")
	require.Eventually(t, func() bool {
		server, err = sim.Start(address)
		return err == nil
	}, time.Minute, 50*time.Millisecond)
	healthy(input)

	sim.Add(7)
	beat.Eventually("the events after all that", func() bool { return dir.Lines() >= 57 })
	requireCleanStop(t, agent, beat, input, output)
	a.requireEach(t, dir.Events(), true)
	assert.NotContains(t, beat.Output(), "a-wrong-secret")
}

// Input and output are degraded while the output takes nothing, with its reason.
func TestAgentHealthOfTheOutput(t *testing.T) {
	t.Parallel()
	const indicators = 50
	a := startAppliance(t, tidy(indicators))
	es := startElasticsearch(t)
	var corrected atomic.Bool
	es.refuse = func(beattest.Event) *verdict {
		if corrected.Load() {
			return nil
		}
		return refusal(http.StatusForbidden, "cluster_block_exception", "index [logs] blocked by: [FORBIDDEN/8/index write (api)];")
	}
	dir := beattest.NewDir(t)
	agent := startElasticAgent(t)
	input := newInputUnit(t, inputUnit, 1, stream{id: "one", settings: a.input("", nil)})
	output := newElasticsearchUnit(t, es.URL)
	agent.expect(input, output)
	beat := agent.start(dir)
	for _, unit := range []*agentproto.UnitExpected{input, output} {
		beat.Eventually("degraded: "+unit.Id, func() bool { return agent.is(unit, agentproto.State_DEGRADED, "cluster_block_exception") })
	}

	corrected.Store(true)
	beat.Eventually("the events", func() bool { return len(es.events()) >= indicators })
	beat.Eventually("healthy again", agent.healthy(input, output))
	requireCleanStop(t, agent, beat, input, output)
}

// Input, stream and output are degraded while Elasticsearch can't be reached, and say
// what, where and what to do. Everything arrives once it answers.
func TestAgentHealthWithoutTheOutput(t *testing.T) {
	t.Parallel()
	const indicators = 50
	for name, test := range map[string]struct {
		listener func(t *testing.T) (address string, free func())
		why      string
	}{
		"connection refused": {func(t *testing.T) (string, func()) { return freeAddress(t), func() {} }, "connection refused"},
		"no answer":          {startSilent, "no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := startAppliance(t, tidy(indicators))
			address, free := test.listener(t)
			dir := beattest.NewDir(t)
			agent := startElasticAgent(t)
			input := newInputUnit(t, inputUnit, 1, stream{id: "one", settings: a.input("", nil)})
			output := newElasticsearchUnit(t, "http://"+address)
			agent.expect(input, output)
			beat := agent.start(dir, "-E", "threatqbeat.max_ack_delay=3s")
			for _, text := range []string{
				"acknowledged nothing for 3s", test.why, "output.elasticsearch at http://" + address,
				"Check that it runs, and the settings under output.elasticsearch",
			} {
				for _, unit := range []*agentproto.UnitExpected{input, output} {
					beat.Eventually("degraded: "+unit.Id+": "+text, func() bool { return agent.is(unit, agentproto.State_DEGRADED, text) })
				}
				state, message := agent.streamState(inputUnit, "one")
				assert.Equal(t, "DEGRADED", state)
				assert.Contains(t, message, text)
			}
			requests := a.Stats().Total(simulator.EndpointData)
			beat.Eventually("further cycles", func() bool { return a.Stats().Total(simulator.EndpointData) > requests+2 })
			for _, unit := range []*agentproto.UnitExpected{input, output} {
				assert.Equal(t, agentproto.State_DEGRADED, agent.unit(unit.Id).State, "it stays so")
			}

			free()
			es := startElasticsearchAt(t, address)
			beat.Eventually("the events", func() bool { return len(es.events()) >= indicators })
			beat.Eventually("healthy again", agent.healthy(input, output))
			requireCleanStop(t, agent, beat, input, output)
			a.requireEach(t, es.events(), true)
		})
	}
}

// A setting that nobody has is a warning in the log, and the stream runs.
func TestAgentWarnsOfAnUnknownSetting(t *testing.T) {
	t.Parallel()
	a := startAppliance(t, tidy(50))
	dir := beattest.NewDir(t)
	agent := startElasticAgent(t)
	output := newOutputUnit(t, dir, "events", 1)
	input := newInputUnit(t, inputUnit, 1, stream{id: "one", settings: a.input("", map[string]any{"pagesize": 10})})
	agent.expect(input, output)
	beat := agent.start(dir)
	beat.Eventually("healthy units", agent.healthy(input, output))
	beat.Eventually("the events", func() bool { return dir.Lines() >= 50 })
	requireCleanStop(t, agent, beat, input, output)
	warnings := 0
	for line := range strings.Lines(beat.Output()) {
		if strings.Contains(line, "A setting of the policy has no effect") {
			warnings++
			assert.Contains(t, line, `"log.level":"warn"`)
			assert.Contains(t, line, `unknown setting \"pagesize\"`)
			assert.Contains(t, line, `did you mean \"page_size\"?`)
		}
	}
	assert.Equal(t, 1, warnings)
}

func TestAgentReportsWrongSettings(t *testing.T) {
	t.Parallel()
	a, b := startAppliance(t, tidy(100)), startAppliance(t, simulator.Config{Indicators: 100, Seed: 2, FirstID: 1_000_000})
	dir := beattest.NewDir(t)
	agent := startElasticAgent(t)
	output := newOutputUnit(t, dir, "events", 1)
	good := newInputUnit(t, outputUnit+"-good", 1, stream{id: "good", settings: a.input("", nil)})
	bad := func(revision uint64, settings map[string]any) *agentproto.UnitExpected {
		return newInputUnit(t, outputUnit+"-bad", revision,
			stream{id: "bad", settings: a.input("", settings)},
			stream{id: "beside", settings: b.input("", nil)})
	}
	wrong := bad(1, map[string]any{"ioc_expiration_duration": "2w"})
	none := newInputUnit(t, outputUnit+"-none", 1) // without streams, and without settings
	agent.expect(output, good, wrong, none)

	beat := agent.start(dir)
	beat.Eventually("the events of the others", func() bool { return dir.Lines() >= 200 })
	beat.Eventually("a failed unit", func() bool {
		return agent.is(wrong, agentproto.State_FAILED, "ioc_expiration_duration") && strings.Contains(agent.unit(wrong.Id).Message, "2w")
	})
	state, message := agent.streamState(wrong.Id, "bad")
	assert.Equal(t, "FAILED", state)
	assert.Contains(t, message, `stream "bad": ioc_expiration_duration`)
	state, _ = agent.streamState(wrong.Id, "beside")
	assert.Equal(t, "HEALTHY", state)
	beat.Eventually("healthy others", agent.healthy(good, output))
	beat.Eventually("a unit that failed as a whole", func() bool { return agent.is(none, agentproto.State_FAILED, "data_collection_id") })

	// Another mistake is told, too.
	wrong = bad(2, map[string]any{"page_size": 0})
	agent.expect(output, good, wrong)
	beat.Eventually("another reason", func() bool { return agent.is(wrong, agentproto.State_FAILED, "page_size") })

	// Two streams with one id can't both have its cursor.
	twice := newInputUnit(t, outputUnit+"-twice", 1, stream{id: "good", settings: b.input("", nil)})
	agent.expect(output, good, wrong, twice)
	beat.Eventually("the second of an id", func() bool { return agent.is(twice, agentproto.State_FAILED, "id of its own") })
	assert.Equal(t, agentproto.State_HEALTHY, agent.unit(good.Id).State)

	// So have two in one unit: each has its own state and diagnosis.
	d := startAppliance(t, simulator.Config{Indicators: 100, Seed: 4, FirstID: 3_000_000})
	twins := newInputUnit(t, outputUnit+"-twins", 1,
		stream{id: "twin", settings: d.input("", nil)}, stream{id: "twin", settings: b.input("", nil)})
	agent.expect(output, good, wrong, twice, twins)
	beat.Eventually("the second of an id in one unit", func() bool { return agent.is(twins, agentproto.State_FAILED, "id of its own") })
	beat.Eventually("the first of them", func() bool {
		state, _ := agent.streamState(twins.Id, "twin")
		return state == "HEALTHY"
	})
	state, message = agent.streamState(twins.Id, "twin.[1]")
	assert.Equal(t, "FAILED", state)
	assert.Contains(t, message, `stream "twin": id is that of another stream`)
	assert.Equal(t, agentproto.State_FAILED, agent.unit(twins.Id).State, "it stays failed")
	for name, want := range map[string]string{"threatq_twin": `"running": true`, "threatq_twin.[1]": "id is that of another stream"} {
		content := string(agent.diagnostics(twins)[name].GetContent())
		assert.Contains(t, content, want)
		assert.NotContains(t, content, "0001-01-01")
	}
	assert.Contains(t, string(agent.diagnostics(wrong)["threatq_bad"].GetContent()), "page_size", "a stream that failed has a diagnosis")

	// An input without streams may be one itself.
	c := startAppliance(t, simulator.Config{Indicators: 100, Seed: 3, FirstID: 2_000_000})
	settings := c.input("", nil)
	settings["id"] = "simple"
	none.ConfigStateIdx, none.Config.Id, none.Config.Source = 2, "simple", newStruct(t, settings)

	right := bad(3, nil)
	agent.expect(append(stopped(twice, twins), output, good, right, none)...)
	beat.Eventually("healthy units", agent.healthy(good, right, none, output))
	beat.Eventually("the events of those that were wrong", func() bool { return dir.Lines() >= 500 })
	requireCleanStop(t, agent, beat, output, good, right, none)
}
