// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/elastic/elastic-agent-client/v7/pkg/client"
	agentproto "github.com/elastic/elastic-agent-client/v7/pkg/proto"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/threatqbeat/threatqbeat/config"
)

var testAgent = &client.AgentInfo{ID: "agent-id", Version: "9.4.0"}

func source(t *testing.T, values map[string]any) *structpb.Struct {
	t.Helper()
	s, err := structpb.NewStruct(values)
	require.NoError(t, err)
	return s
}

// transformed returns the settings of the inputs that a unit becomes.
func transformed(t *testing.T, unit *agentproto.UnitExpectedConfig) []map[string]any {
	t.Helper()
	before := proto.CloneOf(unit)
	configs, err := inputsOf(unit, testAgent)
	require.NoError(t, err)
	assert.True(t, proto.Equal(before, unit), "the unit was changed")
	var inputs []map[string]any
	for _, config := range configs {
		var input map[string]any
		require.NoError(t, config.Config.Unpack(&input))
		inputs = append(inputs, input)
	}
	return inputs
}

func TestInputs(t *testing.T) {
	tests := map[string]struct {
		unit          *agentproto.DataStream
		stream        *agentproto.DataStream
		settings      map[string]any
		wantIndex     string
		wantDataset   string
		wantNamespace string
	}{
		"nothing said": {
			wantIndex: "logs-ti_threatq.threat-default", wantDataset: "ti_threatq.threat", wantNamespace: "default",
		},
		"the unit's namespace": {
			unit:      &agentproto.DataStream{Namespace: "soc"},
			stream:    &agentproto.DataStream{Dataset: "ti_threatq.threat"},
			wantIndex: "logs-ti_threatq.threat-soc", wantDataset: "ti_threatq.threat", wantNamespace: "soc",
		},
		"the stream's dataset": {
			unit:      &agentproto.DataStream{Namespace: "default"},
			stream:    &agentproto.DataStream{Dataset: "ti_threatq.mine", Type: "logs"},
			wantIndex: "logs-ti_threatq.mine-default", wantDataset: "ti_threatq.mine", wantNamespace: "default",
		},
		"the unit's dataset": {
			unit:      &agentproto.DataStream{Dataset: "ti_threatq.ours", Namespace: "soc"},
			wantIndex: "logs-ti_threatq.ours-soc", wantDataset: "ti_threatq.ours", wantNamespace: "soc",
		},
		"an index": {
			settings:  map[string]any{"index": "elsewhere"},
			wantIndex: "elsewhere", wantDataset: "ti_threatq.threat", wantNamespace: "default",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			settings := map[string]any{"id": "s", "url": "https://threatq.example.com"}
			for key, value := range tt.settings {
				settings[key] = value
			}
			inputs := transformed(t, &agentproto.UnitExpectedConfig{
				Id: "u", Type: "threatq", DataStream: tt.unit, Source: source(t, map[string]any{}),
				Streams: []*agentproto.Stream{{Id: "s", DataStream: tt.stream, Source: source(t, settings)}},
			})
			require.Len(t, inputs, 1)
			assert.Equal(t, "threatq", inputs[0]["type"])
			assert.Equal(t, "s", inputs[0]["id"])
			assert.Equal(t, tt.wantIndex, inputs[0]["index"])
			added := addedFields(t, inputs[0])
			assert.Equal(t, tt.wantDataset, added["data_stream"]["dataset"])
			assert.Equal(t, tt.wantNamespace, added["data_stream"]["namespace"])
			assert.Equal(t, "logs", added["data_stream"]["type"])
			assert.Equal(t, tt.wantDataset, added["event"]["dataset"])
			assert.Equal(t, "agent-id", added["elastic_agent"]["id"])
			assert.Equal(t, "9.4.0", added["elastic_agent"]["version"])
		})
	}
}

// addedFields returns what an input's processors add, by target.
func addedFields(t *testing.T, input map[string]any) map[string]map[string]any {
	t.Helper()
	added := map[string]map[string]any{}
	for _, processor := range input["processors"].([]any) {
		add, ok := processor.(map[string]any)["add_fields"].(map[string]any)
		if !ok {
			continue
		}
		target := add["target"].(string)
		if added[target] == nil {
			added[target] = map[string]any{}
		}
		for name, value := range add["fields"].(map[string]any) {
			added[target][name] = value
		}
	}
	return added
}

// The n-th input is the n-th stream's, whatever the others are.
func TestInputsKeepTheirOrder(t *testing.T) {
	inputs := transformed(t, &agentproto.UnitExpectedConfig{
		Id: "u", Type: "threatq", Source: source(t, map[string]any{"processors": []any{map[string]any{"drop_event": nil}}}),
		Streams: []*agentproto.Stream{
			{Id: "first", Source: source(t, map[string]any{"data_collection_id": "a"})},
			{Id: "contradictory", Source: source(t, map[string]any{"auth": "x", "auth.oauth2.client.id": "y"})},
			{Source: source(t, map[string]any{"data_collection_id": "b"})},
			{Source: source(t, map[string]any{})},
			{Id: "last", Source: source(t, map[string]any{"type": "httpjson"})},
		},
	})
	require.Len(t, inputs, 5)
	var ids []any
	for _, input := range inputs {
		ids = append(ids, input["id"])
	}
	assert.Equal(t, []any{"first", "contradictory", "u-b", "u", "last"}, ids)
	assert.Contains(t, inputs[0]["processors"], map[string]any{"drop_event": nil}, "the unit's processors")
	assert.Equal(t, "httpjson", inputs[4]["type"], "to be refused")
}

// What looks like a variable in a policy is none any more.
func TestInputsAreTakenLiterally(t *testing.T) {
	for _, secret := range []string{"a$$b", "a${HOME}b", "a${b", "%{[a]}"} {
		inputs := transformed(t, &agentproto.UnitExpectedConfig{
			Id: "u", Type: "threatq", Source: source(t, map[string]any{}),
			Streams: []*agentproto.Stream{{Id: "s", Source: source(t, map[string]any{"auth.oauth2": map[string]any{"client.secret": secret}})}},
		})
		assert.Equal(t, map[string]any{"oauth2": map[string]any{"client": map[string]any{"secret": secret}}}, inputs[0]["auth"])
	}
}

// Fleet takes a text that begins with an asterisk in double quotes only.
func TestFleetQuotesAreDropped(t *testing.T) {
	inputs := transformed(t, &agentproto.UnitExpectedConfig{
		Id: "u", Type: "threatq", Source: source(t, map[string]any{}),
		Streams: []*agentproto.Stream{{Id: "s", Source: source(t, map[string]any{
			"fields_param":     `"*,sources"`,
			"expired_statuses": []any{`"&c"`, `"quoted"`, "Expired"},
			"data_collection":  `"*"`,
		})}},
	})
	assert.Equal(t, "*,sources", inputs[0]["fields_param"])
	assert.Equal(t, []any{"&c", `"quoted"`, "Expired"}, inputs[0]["expired_statuses"])
	assert.Equal(t, `"*"`, inputs[0]["data_collection"], "no text of Fleet's")
}

// So it is with each text that the package asks for, and with no secret.
func TestFleetQuotesOfAllTexts(t *testing.T) {
	for _, option := range config.InputSettings().All() {
		if option.Fleet == nil || option.Type != config.TypeString && option.Type != config.TypeList {
			continue
		}
		var settings map[string]any
		require.NoError(t, conf.MustNewConfigFrom(map[string]any{option.Name: `"*a"`}).Unpack(&settings))
		inputs := transformed(t, &agentproto.UnitExpectedConfig{
			Id: "u", Type: "threatq", Source: source(t, map[string]any{}),
			Streams: []*agentproto.Stream{{Id: "s", Source: source(t, settings)}},
		})
		got, err := mapstr.M(inputs[0]).GetValue(option.Name)
		require.NoError(t, err)
		if option.Secret() {
			assert.Equal(t, `"*a"`, got, option.Name)
		} else {
			assert.Equal(t, "*a", got, option.Name)
		}
	}
}

// The cursor is saved under the id: nothing that a revision of the policy or
// another output changes may be in it.
func TestInputIDIsStable(t *testing.T) {
	stream := &agentproto.Stream{Id: "threatq-ti_threatq.threat-0c5b", Source: source(t, map[string]any{})}
	id := inputID(&agentproto.UnitExpectedConfig{Id: "one", Revision: 1}, stream)
	assert.Equal(t, id, inputID(&agentproto.UnitExpectedConfig{Id: "other", Revision: 2}, stream))
}
