// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/elastic/elastic-agent-client/v7/pkg/proto"

	"github.com/threatqbeat/threatqbeat/module/threatq/health"
)

func TestAnOutputIsStoppedOnceTheInputsAre(t *testing.T) {
	c := &checkins{}
	expect := func(output, input proto.State) (forClient proto.State) {
		units := []*proto.UnitExpected{
			{Id: "out", Type: proto.UnitType_OUTPUT, State: output},
			{Id: "in", Type: proto.UnitType_INPUT, State: input},
		}
		c.expect(units)
		assert.Equal(t, input, units[1].State)
		return units[0].State
	}
	observe := func(input proto.State) (reported proto.State) {
		units := []*proto.UnitObserved{
			{Id: "out", Type: proto.UnitType_OUTPUT, State: proto.State_HEALTHY},
			{Id: "in", Type: proto.UnitType_INPUT, State: input},
		}
		c.observe(units)
		assert.Equal(t, input, units[1].State)
		return units[0].State
	}

	assert.Equal(t, proto.State_HEALTHY, expect(proto.State_HEALTHY, proto.State_HEALTHY))
	assert.Equal(t, proto.State_HEALTHY, observe(proto.State_STOPPED), "nobody wants it to stop")

	assert.Equal(t, proto.State_HEALTHY, expect(proto.State_STOPPED, proto.State_STOPPED))
	assert.Equal(t, proto.State_HEALTHY, observe(proto.State_HEALTHY))
	assert.Equal(t, proto.State_HEALTHY, observe(proto.State_STOPPING))
	assert.Equal(t, proto.State_STOPPED, observe(proto.State_STOPPED))

	assert.Equal(t, proto.State_HEALTHY, expect(proto.State_HEALTHY, proto.State_HEALTHY))
	assert.Equal(t, proto.State_HEALTHY, observe(proto.State_STOPPED), "it goes on after all")
}

func TestAnOutputIsDegradedWhenAnInputSaysSo(t *testing.T) {
	c := &checkins{}
	observe := func(expected, reported proto.State) (proto.State, string) {
		c.expect([]*proto.UnitExpected{{Id: "out", Type: proto.UnitType_OUTPUT, State: expected}})
		units := []*proto.UnitObserved{{Id: "out", Type: proto.UnitType_OUTPUT, State: reported, Message: "as Libbeat says"}}
		c.observe(units)
		return units[0].GetState(), units[0].GetMessage()
	}
	requireState := func(state proto.State, message string) {
		t.Helper()
		gotState, gotMessage := observe(proto.State_HEALTHY, proto.State_HEALTHY)
		assert.Equal(t, state, gotState)
		assert.Equal(t, message, gotMessage)
	}
	requireState(proto.State_HEALTHY, "as Libbeat says")
	board := &health.Board{}
	c.watch(board)
	requireState(proto.State_HEALTHY, "as Libbeat says")

	input := board.Start("one")
	input.Set(health.Cycle, health.Degraded, "too many requests")
	requireState(proto.State_HEALTHY, "as Libbeat says")
	input.Set(health.Output, health.Degraded, "unreachable")
	requireState(proto.State_DEGRADED, "unreachable")
	state, message := observe(proto.State_HEALTHY, proto.State_FAILED)
	assert.Equal(t, proto.State_FAILED, state)
	assert.Equal(t, "as Libbeat says", message)
	state, _ = observe(proto.State_STOPPED, proto.State_HEALTHY)
	assert.Equal(t, proto.State_STOPPED, state)
	input.Clear(health.Output)
	requireState(proto.State_HEALTHY, "as Libbeat says")
}

func TestAnInputIsConfiguringWhileAStreamIs(t *testing.T) {
	payload := func(states ...string) *structpb.Struct {
		streams := map[string]any{}
		for i, state := range states {
			streams[string(rune('a'+i))] = map[string]any{"status": state, "error": ""}
		}
		s, err := structpb.NewStruct(map[string]any{"streams": streams})
		assert.NoError(t, err)
		return s
	}
	tests := map[string]struct {
		state   proto.State
		payload *structpb.Struct
		want    proto.State
	}{
		"no streams":     {proto.State_HEALTHY, nil, proto.State_HEALTHY},
		"healthy":        {proto.State_HEALTHY, payload("HEALTHY", "HEALTHY"), proto.State_HEALTHY},
		"starting":       {proto.State_HEALTHY, payload("HEALTHY", "STARTING"), proto.State_CONFIGURING},
		"configuring":    {proto.State_HEALTHY, payload("CONFIGURING"), proto.State_CONFIGURING},
		"one is worse":   {proto.State_DEGRADED, payload("CONFIGURING", "DEGRADED"), proto.State_DEGRADED},
		"one is failing": {proto.State_FAILED, payload("CONFIGURING", "FAILED"), proto.State_FAILED},
		"switched off":   {proto.State_HEALTHY, payload("STOPPED"), proto.State_HEALTHY},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			unit := &proto.UnitObserved{Type: proto.UnitType_INPUT, State: tt.state, Payload: tt.payload}
			(&checkins{}).observe([]*proto.UnitObserved{unit})
			assert.Equal(t, tt.want, unit.State)
		})
	}
}

func TestStreamsOfOneIDAreToldApart(t *testing.T) {
	unit := &proto.UnitExpectedConfig{Id: "u", Streams: []*proto.Stream{
		{Id: "one", Source: source(t, map[string]any{"id": "one"})}, {Id: "two"}, {Id: "one"}, {}, {},
		{Id: "one", Source: source(t, map[string]any{"id": "one", "url": "https://threatq.example.com"})},
	}}
	(&checkins{}).expect([]*proto.UnitExpected{{Type: proto.UnitType_INPUT, Config: unit}})
	var ids, inputs []string
	for _, stream := range unit.Streams {
		ids = append(ids, stream.GetId())
		inputs = append(inputs, inputID(unit, stream))
	}
	assert.Equal(t, []string{"one", "two", "one.[2]", "", "", "one.[5]"}, ids)
	assert.Equal(t, []string{"one", "two", "one", "u", "u", "one"}, inputs)
}

func TestAnInputWithoutStreamsIsOne(t *testing.T) {
	settings := source(t, map[string]any{"url": "https://threatq.example.com"})
	simple := &proto.UnitExpectedConfig{Id: "simple", Source: settings}
	streams := &proto.UnitExpectedConfig{Id: "streams", Streams: []*proto.Stream{{Id: "one"}, {Id: "two"}}}
	(&checkins{}).expect([]*proto.UnitExpected{
		{Type: proto.UnitType_INPUT, Config: simple},
		{Type: proto.UnitType_INPUT, Config: streams},
		{Type: proto.UnitType_INPUT},
	})
	if assert.Len(t, simple.Streams, 1) {
		assert.Equal(t, "simple", simple.Streams[0].Id)
		assert.Equal(t, settings, simple.Streams[0].Source)
	}
	assert.Len(t, streams.Streams, 2)
}
