// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/elastic/beats/v7/libbeat/common/reload"
	lbmanagement "github.com/elastic/beats/v7/libbeat/management"
	"github.com/elastic/beats/v7/libbeat/processors"
	"github.com/elastic/beats/v7/x-pack/libbeat/management"
	"github.com/elastic/elastic-agent-client/v7/pkg/client"
	agentproto "github.com/elastic/elastic-agent-client/v7/pkg/proto"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/mapstr"
	"github.com/elastic/go-ucfg"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/threat"
)

// dataStreamType is the type of the data stream of a stream that names none.
const dataStreamType = "logs"

// Agent is the Elastic Agent that the Beat may be a component of.
type Agent struct{ checkins checkins }

// Prepare says how to connect to Elastic Agent and how to read its policy,
// in case that management.enabled is set. It has no other effect.
func (a *Agent) Prepare() {
	lbmanagement.SetManagerFactory(a.newManager)
	management.ConfigTransform.SetTransform(inputsOf)
}

// Processors are the global processors under Elastic Agent, where the
// configuration names none. What is known of this host is added to no indicator
// that is tagged as forwarded.
func Processors() processors.PluginConfig {
	list, err := processors.NewPluginConfigFromList([]mapstr.M{
		{"add_host_metadata": mapstr.M{"when.not.contains.tags": "forwarded"}},
	})
	if err != nil {
		panic(fmt.Sprintf("the processors for Elastic Agent are no configuration: %s", err))
	}
	return list
}

// inputsOf makes the configurations of inputs of what Elastic Agent expects of
// a unit: one for each stream, in order, because the n-th is what the state of the
// n-th stream is reported of.
//
// It never fails, because an error here would keep the other units from being
// configured (to be reported to elastic/beats: reload of managerV2.go gives up at
// the first). A stream that can't be an input becomes one that fails with the reason.
func inputsOf(unit *agentproto.UnitExpectedConfig, info *client.AgentInfo) ([]*reload.ConfigWithMeta, error) {
	inputs := make([]*reload.ConfigWithMeta, 0, len(unit.GetStreams()))
	for i := range unit.GetStreams() {
		inputs = append(inputs, inputOf(unit, i, info))
	}
	return inputs, nil
}

func inputOf(unit *agentproto.UnitExpectedConfig, index int, info *client.AgentInfo) *reload.ConfigWithMeta {
	// What is completed here must not show in the unit, which is compared with
	// the next one to find out what changed.
	unit = proto.CloneOf(unit)
	stream := unit.GetStreams()[index]
	unit.Streams = []*agentproto.Stream{stream}
	if unit.GetDataStream().GetDataset() == "" && stream.GetDataStream().GetDataset() == "" {
		if stream.DataStream == nil {
			stream.DataStream = &agentproto.DataStream{}
		}
		stream.DataStream.Dataset = threat.Dataset
	}

	id := inputID(unit, stream)
	settings, err := management.CreateInputsFromStreams(unit, dataStreamType, info)
	if err != nil {
		return refusedInput(id, fmt.Errorf("stream %q: %w", id, err))
	}
	input := settings[0]
	dropFleetQuotes("", input)
	input["id"] = id
	if _, ok := input["type"]; !ok {
		input["type"] = unit.GetType()
	}
	// Taken literally: Elastic Agent has replaced the variables of its policy, and
	// what still looks like one, for example in a secret, is not a variable. To be
	// reported to elastic/beats: CreateReloadConfigFromInputs of generate.go looks for them.
	cfg, err := ucfg.NewFrom(input, ucfg.PathSep("."))
	if err != nil {
		return refusedInput(id, fmt.Errorf("stream %q: %w", id, err))
	}
	return &reload.ConfigWithMeta{Config: (*conf.C)(cfg)}
}

// inputID names the input of a stream, and with it the cursor. The stream's
// id stays the same from one revision of a policy to the next, and when the
// output changes, where the unit's id does not. The settings have the id as the
// policy does; see tellApart.
func inputID(unit *agentproto.UnitExpectedConfig, stream *agentproto.Stream) string {
	if id := cmp.Or(stream.GetSource().GetFields()["id"].GetStringValue(), stream.GetId()); id != "" {
		return id
	}
	collection := stream.GetSource().GetFields()["data_collection_id"].GetStringValue()
	if collection == "" {
		return unit.GetId()
	}
	return unit.GetId() + "-" + collection
}

// dropFleetQuotes takes off the double quotes without which Fleet refuses a text
// that begins with an asterisk or an ampersand (elastic/kibana#184972). In a package that
// quotes its texts, as ours does, they would become a part of the text. It returns the
// settings below path, and changes them.
func dropFleetQuotes(path string, value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, v := range value {
			value[key] = dropFleetQuotes(strings.TrimPrefix(path+"."+key, "."), v)
		}
	case []any:
		for i, v := range value {
			value[i] = dropFleetQuotes(path, v)
		}
	case string:
		if option, ok := config.InputSettings().Lookup(path); ok && option.Fleet != nil && !option.Secret() {
			return fleetQuoted.ReplaceAllString(value, "$1")
		}
	}
	return value
}

// fleetQuoted is a text in quotes that Fleet asks for.
var fleetQuoted = regexp.MustCompile(`^"([*&].*)"$`)
