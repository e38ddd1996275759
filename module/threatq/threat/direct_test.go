// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"
	_ "github.com/elastic/beats/v7/libbeat/processors/actions" // drop_fields
	"github.com/elastic/beats/v7/libbeat/processors/actions/addfields"
	"github.com/elastic/beats/v7/libbeat/publisher/processing"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

func directMapper(edits ...func(*MapperConfig)) *Mapper {
	m := testMapper(edits...)
	m.direct = true
	return m
}

// Direct events are encoded as the same documents as others.
func TestDirectEventsAreTheSameDocuments(t *testing.T) {
	sim, err := simulator.New(simulator.Config{Indicators: 2000, Seed: 1, Untidy: 0.5, Unreadable: 0.05})
	require.NoError(t, err)
	defer sim.Close()
	for _, preserve := range []bool{false, true} {
		edit := func(c *MapperConfig) { c.PreserveOriginal = preserve }
		ordinary, direct := testMapper(edit), directMapper(edit)
		for i := range sim.Len() {
			raw := sim.Indicator(i)
			want, wantErr := ordinary.Event(raw, testFetched)
			got, err := direct.Event(raw, testFetched)
			require.Equal(t, wantErr, err)
			require.Equal(t, encodeEvent(t, want), encodeEvent(t, got))
			require.Equal(t, entryOf(want), entryOf(got))
			require.Equal(t, weigh(want.Fields), weigh(got.Fields), "%s", raw)
		}
		retired := registry.Indicator{ID: 1, IndicatorID: 2}
		assert.Equal(t, encodeEvent(t, ordinary.Retired(retired, testFetched)), encodeEvent(t, direct.Retired(retired, testFetched)))
		assert.Equal(t, encodeEvent(t, ordinary.Alive(testFetched)), encodeEvent(t, direct.Alive(testFetched)))
	}
	event, err := directMapper().Event(sim.Indicator(0), testFetched)
	require.NoError(t, err)
	text, err := json.Marshal(event.Fields)
	require.NoError(t, err)
	want, _ := testMapper().Event(sim.Indicator(0), testFetched)
	wantText, err := json.Marshal(want.Fields)
	require.NoError(t, err)
	assert.JSONEq(t, string(wantText), string(text), "in a log")

	_, err = event.Fields.GetValue("threat.indicator")
	assert.Error(t, err, "no processor could see it")
}

// Events are direct only when nothing looks at them before an output that only writes
// them, and what the pipeline makes of them doesn't depend on it.
func TestEventsAreDirectWhenNothingSeesThem(t *testing.T) {
	for name, tt := range map[string]struct {
		config string
		client beat.ProcessingConfig
		want   bool
	}{
		"defaults":           {config: `output.elasticsearch.hosts: [localhost]`, want: true},
		"discard":            {config: `output.discard.enabled: true`, want: true},
		"tags":               {config: "output.elasticsearch.hosts: [localhost]\ntags: [soc]", want: true},
		"metadata":           {config: `output.elasticsearch.hosts: [localhost]`, client: beat.ProcessingConfig{Meta: mapstr.M{"pipeline": "mine"}}, want: true},
		"an index":           {config: `output.elasticsearch: {hosts: [localhost], index: "x-%{[threatq.status]}"}`},
		"indices":            {config: `output.elasticsearch: {hosts: [localhost], indices: [{index: x, when.equals.threatq.status: active}]}`},
		"a pipeline":         {config: `output.elasticsearch: {hosts: [localhost], pipeline: "x-%{[threatq.status]}"}`},
		"pipelines":          {config: `output.elasticsearch: {hosts: [localhost], pipelines: [{pipeline: x, when.equals.threatq.status: active}]}`},
		"kafka":              {config: `output.kafka.hosts: [localhost]`},
		"file":               {config: `output.file.path: x`},
		"managed":            {config: `management.enabled: true`},
		"a processor":        {config: "output.elasticsearch.hosts: [localhost]\nprocessors: [{drop_fields.fields: [threat.indicator.name]}]"},
		"fields":             {config: "output.elasticsearch.hosts: [localhost]\nfields: {soc: a}"},
		"fields of an input": {config: `output.elasticsearch.hosts: [localhost]`, client: beat.ProcessingConfig{EventMetadata: mapstr.EventMetadata{FieldsUnderRoot: true, Fields: mapstr.M{"threat": mapstr.M{"feed": mapstr.M{"name": "mine"}}}}}},
		"a processor of an input": {config: `output.elasticsearch.hosts: [localhost]`, client: beat.ProcessingConfig{
			Processor: list{addfields.NewAddFields(mapstr.M{"threat": mapstr.M{"indicator": mapstr.M{"name": "mine"}}}, true, true)},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := conf.NewConfigWithYAML([]byte(tt.config), "test")
			require.NoError(t, err)
			plain := processing.MakeDefaultSupport(true, nil, processing.WithECS)
			process := func(factory processing.SupportFactory, m *Mapper) map[string]any {
				support, err := factory(beat.Info{Beat: "threatqbeat"}, logp.NewNopLogger(), cfg)
				require.NoError(t, err)
				client := tt.client
				client.Fields, client.Private = m.Common(), m
				client.Fields["input"] = mapstr.M{"type": "threatq"}
				client.EventNormalization = new(bool)
				processor, err := support.Create(client, false, nil)
				require.NoError(t, err)
				event, err := m.Event([]byte(`{"id":1,"value":"192.0.2.1","type":"IP Address"}`), testFetched)
				require.NoError(t, err)
				processed, err := processor.Run(&event)
				require.NoError(t, err)
				namespace, err := processed.GetValue("data_stream.namespace")
				require.NoError(t, err, "the index is chosen by it")
				assert.Equal(t, m.cfg.Namespace, namespace)
				return encodeEvent(t, *processed)
			}
			bare := func(c *MapperConfig) { c.Bare = true }
			m := testMapper(bare)
			got := process(Processing(plain), m)
			assert.Equal(t, tt.want, m.direct)
			assert.Equal(t, process(plain, testMapper(bare)), got)
			assert.Equal(t, map[string]any{"type": "threatq"}, got["input"])
			assert.Contains(t, flatten(got), "threat.feed.name")
			assert.Contains(t, flatten(got), "data_stream.namespace")
		})
	}
}

// list is a list of processors.
type list []beat.Processor

func (l list) All() []beat.Processor { return l }
func (l list) Close() error          { return nil }
func (l list) String() string        { return "list" }

func (l list) Run(event *beat.Event) (*beat.Event, error) {
	for _, p := range l {
		if _, err := p.Run(event); err != nil {
			return nil, err
		}
	}
	return event, nil
}
