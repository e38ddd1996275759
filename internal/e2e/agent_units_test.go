// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	agentproto "github.com/elastic/elastic-agent-client/v7/pkg/proto"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

// stream is a stream of a unit.
type stream struct {
	id         string
	dataStream *agentproto.DataStream
	settings   map[string]any
}

func newInputUnit(t *testing.T, id string, revision uint64, streams ...stream) *agentproto.UnitExpected {
	t.Helper()
	config := &agentproto.UnitExpectedConfig{
		Id:         strings.TrimPrefix(id, outputUnit+"-"),
		Type:       "threatq",
		Name:       "threatq",
		Revision:   revision,
		DataStream: &agentproto.DataStream{Namespace: "default"},
		Source:     newStruct(t, map[string]any{"type": "threatq", "id": id}),
	}
	for _, s := range streams {
		settings := map[string]any{"id": s.id}
		for key, value := range s.settings {
			settings[key] = value
		}
		delete(settings, "type") // the unit's type is the streams'
		settings["id"] = s.id
		config.Streams = append(config.Streams, &agentproto.Stream{Id: s.id, DataStream: s.dataStream, Source: newStruct(t, settings)})
	}
	return &agentproto.UnitExpected{
		Id: id, Type: agentproto.UnitType_INPUT, State: agentproto.State_HEALTHY,
		ConfigStateIdx: revision, Config: config, LogLevel: agentproto.UnitLogLevel_INFO,
	}
}

// newOutputUnit returns a file output below the home.
func newOutputUnit(t *testing.T, dir *beattest.Dir, directory string, revision uint64) *agentproto.UnitExpected {
	t.Helper()
	return outputOf(t, revision, map[string]any{
		"type": "file", "path": dir.File(directory), "filename": "events",
		"rotate_every_kb": 8 << 20, "rotate_on_startup": false,
		"queue.mem.flush.timeout": "100ms",
	})
}

// newElasticsearchUnit returns an output to the Elasticsearch at an URL.
func newElasticsearchUnit(t *testing.T, url string) *agentproto.UnitExpected {
	t.Helper()
	return outputOf(t, 1, map[string]any{
		"type": "elasticsearch", "hosts": []any{url}, "queue.mem.flush.timeout": "0s",
		"backoff": map[string]any{"init": "100ms", "max": "200ms"},
	})
}

func outputOf(t *testing.T, revision uint64, settings map[string]any) *agentproto.UnitExpected {
	t.Helper()
	name := settings["type"].(string)
	return &agentproto.UnitExpected{
		Id: outputUnit, Type: agentproto.UnitType_OUTPUT, State: agentproto.State_HEALTHY,
		ConfigStateIdx: revision, LogLevel: agentproto.UnitLogLevel_INFO,
		Config: &agentproto.UnitExpectedConfig{Id: outputUnit, Type: name, Name: name, Revision: revision, Source: newStruct(t, settings)},
	}
}

// stopped returns the units as Elastic Agent expects them before it removes them.
func stopped(units ...*agentproto.UnitExpected) []*agentproto.UnitExpected {
	var list []*agentproto.UnitExpected
	for _, unit := range units {
		unit = proto.CloneOf(unit)
		unit.State = agentproto.State_STOPPED
		list = append(list, unit)
	}
	return list
}

func withLogLevel(unit *agentproto.UnitExpected, level agentproto.UnitLogLevel) *agentproto.UnitExpected {
	unit = proto.CloneOf(unit)
	unit.LogLevel = level
	return unit
}

func newStruct(t *testing.T, values map[string]any) *structpb.Struct {
	t.Helper()
	s, err := structpb.NewStruct(values)
	require.NoError(t, err)
	return s
}
