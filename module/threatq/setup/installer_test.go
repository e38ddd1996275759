// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

func TestFreshSetup(t *testing.T) {
	for _, version := range []string{"8.0.0", "8.17.0", "9.4.0", "serverless"} {
		t.Run(version, func(t *testing.T) {
			f := newFake(t)
			f.version = version
			if version == "serverless" {
				f.version, f.serverless = "8.11.0", true
			}
			reports, err := setupWith(t, f, defaultSetup(), server)
			require.NoError(t, err)
			assert.True(t, works(f))
			golden(t, "fresh-"+version, transcript(t, f, reports))
		})
	}
}

func TestUpgrade(t *testing.T) {
	f := newFake(t)
	installPrevious(t, f)
	reports, err := setupWith(t, f, defaultSetup(), server)
	require.NoError(t, err)
	assert.True(t, works(f))
	assert.Equal(t, "logs-ti_threatq_latest.dest_threat-2", only(t, f.indices))
	assert.Len(t, f.indices["logs-ti_threatq_latest.dest_threat-2"].docs, 3)
	assert.Len(t, f.dataStreams["logs-ti_threatq.threat-default"], 2)
	golden(t, "upgrade", transcript(t, f, reports))
}

// transcript writes down what was sent, in order, and what was reported. The
// mappings are left out: the golden files of package elasticsearch have them.
func transcript(t *testing.T, f *fakeElasticsearch, reports []Report) string {
	var b bytes.Buffer
	for _, r := range f.sent() {
		fmt.Fprintln(&b, r.Line)
		if r.Body == nil {
			continue
		}
		body := r.Body.(object_)
		if template, ok := body["template"].(object_); ok {
			if mappings, ok := template["mappings"].(object_); ok {
				require.NotEmpty(t, mappings["properties"])
				template = maps.Clone(template)
				template["mappings"] = object_{"_meta": mappings["_meta"], "...": "..."}
				body = maps.Clone(body)
				body["template"] = template
			}
		}
		text, err := json.MarshalIndent(body, "  ", "  ")
		require.NoError(t, err)
		fmt.Fprintf(&b, "  %s\n", text)
	}
	fmt.Fprintln(&b)
	for _, r := range reports {
		fmt.Fprintln(&b, r)
	}
	return b.String()
}

func TestSetupAgainChangesNothing(t *testing.T) {
	for _, version := range []string{"8.0.0", "9.4.0"} {
		t.Run(version, func(t *testing.T) {
			f := newFake(t)
			f.version = version
			install(t, f)
			f.dataStreams["logs-ti_threatq.threat-default"] = []string{".ds-x@" + assets.Hash(f.indexTemplates[assets.TemplateName])}
			reports, err := setupWith(t, f, defaultSetup(), server)
			require.NoError(t, err)
			assert.Empty(t, f.changes())
			require.NotEmpty(t, reports)
			for _, r := range reports {
				assert.Equal(t, Unchanged, r.Action, r)
			}
		})
	}
}

func TestPartsInstallWhatTheyName(t *testing.T) {
	for name, tc := range map[string]struct {
		parts Parts
		want  []string
	}{
		"pipelines": {Parts{Pipelines: true}, []string{"PUT /_ingest/pipeline/logs-ti_threatq.threat"}},
		"index management": {Parts{IndexManagement: true}, []string{
			"PUT /_ilm/policy/logs-ti_threatq.threat-default_policy",
			"PUT /_component_template/logs-ti_threatq.threat@custom?create=true",
			"PUT /_index_template/logs-ti_threatq.threat",
			"PUT /_index_template/logs-ti_threatq_latest.dest_threat",
			"PUT /logs-ti_threatq_latest.dest_threat-1",
		}},
		"transforms": {Parts{Transforms: true}, []string{
			"PUT /_index_template/logs-ti_threatq_latest.dest_threat",
			"PUT /logs-ti_threatq_latest.dest_threat-1",
			"PUT /_transform/" + transformID(t),
			"POST /_transform/" + transformID(t) + "/_start",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			_, err := setupWith(t, f, defaultSetup(), tc.parts)
			require.NoError(t, err)
			assert.Equal(t, tc.want, f.changes())
		})
	}
}

func TestSwitchedOff(t *testing.T) {
	f := newFake(t)
	reports, err := setupWith(t, f, config.Setup{}, server)
	require.NoError(t, err)
	assert.Empty(t, f.changes())
	for _, r := range reports {
		assert.Equal(t, Skipped, r.Action, r)
		assert.Contains(t, r.Detail, ".enabled is false")
	}
	assert.Len(t, reports, 4)
}

func TestCustomTemplateIsNeverWrittenAgain(t *testing.T) {
	for name, own := range map[string]object_{
		"the users'":         {"template": object_{"settings": object_{"number_of_replicas": 0}}},
		"with overwriting":   {"template": object_{"mappings": object_{}}},
		"empty as we did it": {"template": object_{}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.componentTemplates[assets.CustomTemplateName] = own
			cfg := defaultSetup()
			cfg.Template.Overwrite = true
			_, err := setupWith(t, f, cfg, server)
			require.NoError(t, err)
			assert.Equal(t, own, f.componentTemplates[assets.CustomTemplateName])
		})
	}
}

func TestEditedPolicyIsKept(t *testing.T) {
	f := newFake(t)
	installPrevious(t, f)
	policy := f.policies[assets.PolicyName]["policy"].(object_)
	policy["phases"].(object_)["delete"].(object_)["min_age"] = "30d"

	reports, err := setupWith(t, f, defaultSetup(), Parts{IndexManagement: true})
	require.NoError(t, err)
	assert.Equal(t, Kept, reports[0].Action)
	assert.Contains(t, reports[0].Detail, "setup.ilm.overwrite")
	assert.Equal(t, "30d", policy["phases"].(object_)["delete"].(object_)["min_age"])

	cfg := defaultSetup()
	cfg.ILM.Overwrite = true
	reports, err = setupWith(t, f, cfg, Parts{IndexManagement: true})
	require.NoError(t, err)
	assert.Equal(t, Updated, reports[0].Action)
	want := assets.Policy()
	assert.Equal(t, assets.Hash(want["policy"].(object_)), assets.Hash(f.policies[assets.PolicyName]["policy"].(object_)))
}

func TestNewerAssetsAreKept(t *testing.T) {
	f := newFake(t)
	install(t, f)
	tomorrow := object_{"managed_by": "threatqbeat", "version": "99.0.0", "hash": "ffff"}
	f.pipelines[assets.PipelineName]["_meta"] = tomorrow
	f.policies[assets.PolicyName]["policy"].(object_)["_meta"] = tomorrow
	f.indexTemplates[assets.TemplateName]["_meta"] = tomorrow
	f.indexTemplates[assets.DestTemplateName]["_meta"] = tomorrow
	f.indices["logs-ti_threatq_latest.dest_threat-1"].mapping["_meta"] = tomorrow
	id := assets.TransformID()
	f.transforms[assets.TransformPrefix+"99.0.0"] = f.transforms[id]
	delete(f.transforms, id)

	_, err := setupWith(t, f, defaultSetup(), server)
	require.NoError(t, err)
	assert.Empty(t, f.changes())
}

func TestChangedTransform(t *testing.T) {
	id := assets.TransformID()
	stopUpdateStart := []string{
		"POST /_transform/" + id + "/_stop?wait_for_completion=false",
		"POST /_transform/" + id + "/_update",
		"POST /_transform/" + id + "/_start",
	}
	for name, tc := range map[string]struct {
		change func(*fakeElasticsearch, *config.Setup)
		want   []string
	}{
		"another frequency": {func(_ *fakeElasticsearch, cfg *config.Setup) { cfg.Transforms.Frequency = 10 * time.Second }, stopUpdateStart},
		"another delay":     {func(_ *fakeElasticsearch, cfg *config.Setup) { cfg.Transforms.SyncDelay = 120 * time.Second }, stopUpdateStart},
		"what it groups by": {func(f *fakeElasticsearch, _ *config.Setup) {
			f.transforms[id].config["latest"] = object_{"unique_key": []any{"threatq.id"}, "sort": "@timestamp"}
			f.transforms[id].config["_meta"] = object_{}
		}, []string{
			"POST /_transform/" + id + "/_stop?wait_for_completion=false",
			"DELETE /_transform/" + id,
			"PUT /_transform/" + id,
			"POST /_transform/" + id + "/_start",
		}},
		"it was stopped": {func(f *fakeElasticsearch, _ *config.Setup) { f.transforms[id].state = "stopped" }, stopUpdateStart[2:]},
		"it failed": {func(f *fakeElasticsearch, _ *config.Setup) { f.transforms[id].state = "failed" }, []string{
			"POST /_transform/" + id + "/_stop?force=true&wait_for_completion=false",
			"POST /_transform/" + id + "/_start",
		}},
		"it is gone": {func(f *fakeElasticsearch, _ *config.Setup) { delete(f.transforms, id) }, []string{
			"PUT /_transform/" + id,
			"POST /_transform/" + id + "/_start",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			install(t, f)
			cfg := defaultSetup()
			tc.change(f, &cfg)
			_, err := setupWith(t, f, cfg, server)
			require.NoError(t, err)
			assert.Equal(t, tc.want, f.changes())
			assert.True(t, works(f))

			f.forget()
			_, err = setupWith(t, f, cfg, server)
			require.NoError(t, err)
			assert.Empty(t, f.changes())
		})
	}
}

func TestAliasIsRepaired(t *testing.T) {
	t.Run("its filter was changed", func(t *testing.T) {
		f := newFake(t)
		install(t, f)
		f.indices["logs-ti_threatq_latest.dest_threat-1"].aliases[assets.Alias] = object_{}
		_, err := setupWith(t, f, defaultSetup(), server)
		require.NoError(t, err)
		assert.Equal(t, []string{"POST /_aliases"}, f.changes())
		assert.NotEmpty(t, f.indices["logs-ti_threatq_latest.dest_threat-1"].aliases[assets.Alias].(object_)["filter"])
	})
	t.Run("it is on an index of somebody else", func(t *testing.T) {
		f := newFake(t)
		f.indices["other"] = &fakeIndex{aliases: object_{assets.Alias: object_{}}}
		_, err := setupWith(t, f, defaultSetup(), server)
		refusedFor(t, err, "alias "+assets.Alias, "other", "Remove the alias")
	})
}

func TestDestinationWithAnUnknownMappingIsMovedAndKept(t *testing.T) {
	f := newFake(t)
	install(t, f)
	f.indices["logs-ti_threatq_latest.dest_threat-1"].mapping = object_{"properties": object_{}}
	_, err := setupWith(t, f, defaultSetup(), server)
	require.NoError(t, err)
	assert.True(t, works(f))
	assert.Contains(t, f.indices, "logs-ti_threatq_latest.dest_threat-1", "setup deletes only what it made")
	assert.NotNil(t, f.indices["logs-ti_threatq_latest.dest_threat-2"].aliases[assets.Alias])
}

// The client dies at each request in turn, before and after the server did what
// it asks for. Setup run again ends where it would have ended, and then has
// nothing left to do.
// What can't be changed in place, or would make the transform fail, gets the next
// index.
func TestDestinationWithOtherSettingsIsMoved(t *testing.T) {
	for name, settings := range map[string]object_{
		"the codec of version 1.0.0":      {"mapping": object_{"ignore_malformed": true}},
		"the pipeline that Fleet removed": {"codec": "best_compression", "default_pipeline": ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			install(t, f)
			f.indices[assets.DestIndexPrefix+"1"].settings = settings
			f.indices[assets.DestIndexPrefix+"1"].docs = map[string]string{"a": "1"}
			reports, err := setupWith(t, f, defaultSetup(), server)
			require.NoError(t, err)
			assert.Contains(t, reports, Report{aliasAsset, Moved, "from " + assets.DestIndexPrefix + "1 to " + assets.DestIndexPrefix + "2, 1 indicator"})
			assert.True(t, works(f))

			f.forget()
			_, err = setupWith(t, f, defaultSetup(), server)
			require.NoError(t, err)
			assert.Empty(t, f.changes())
		})
	}
}

// An index of active indicators that an integration left with other types keeps the
// alias until the next one is filled.
func TestIndexThatFleetLeftIsReplaced(t *testing.T) {
	f := newFake(t)
	left := &fakeIndex{
		mapping: object_{"properties": object_{"threatq": object_{"properties": object_{"status": object_{"properties": object_{}}}}}},
		aliases: object_{assets.Alias: object_{}},
		docs:    map[string]string{"a": "1", "b": "2", "c": "3"},
	}
	f.indices["logs-ti_threatq_latest.dest_threat-1"] = left
	const next = "logs-ti_threatq_latest.dest_threat-2"
	_, err := setupWith(t, f, defaultSetup(), server)
	require.NoError(t, err)
	assert.NotNil(t, left.aliases[assets.Alias], "the alias stays while the next index is empty")
	for _, tr := range f.transforms {
		assert.Equal(t, next, tr.config["dest"].(object_)["index"])
	}

	f.indices[next].docs["d"] = "1"
	reports, err := setupWith(t, f, defaultSetup(), server)
	require.NoError(t, err)
	assert.NotNil(t, left.aliases[assets.Alias], "the alias stays while the next index is being filled")
	assert.Contains(t, fmt.Sprint(reports), "on logs-ti_threatq_latest.dest_threat-1 with 3 active indicators, because "+next+" has 1 so far")

	f.indices[next].docs = map[string]string{"d": "1", "e": "2", "f": "3"}
	reports, err = setupWith(t, f, defaultSetup(), server)
	require.NoError(t, err)
	assert.Contains(t, fmt.Sprint(reports), "alias logs-ti_threatq_latest.threat: moved (from logs-ti_threatq_latest.dest_threat-1")
	assert.Nil(t, left.aliases[assets.Alias])
	assert.NotNil(t, f.indices[next].aliases[assets.Alias].(object_)["filter"])
	assert.NotNil(t, f.indices["logs-ti_threatq_latest.dest_threat-1"], "what an integration left is its owner's to delete")

	f.forget()
	_, err = setupWith(t, f, defaultSetup(), server)
	require.NoError(t, err)
	assert.Empty(t, f.changes())
}

// An integration that was removed leaves its data stream, whose newest index
// names a pipeline that is gone: no event could be written to it.
func TestDataStreamThatFleetLeftIsRolledOver(t *testing.T) {
	f := newFake(t)
	f.dataStreams["logs-ti_threatq.threat-default"] = []string{".ds-x@fleet"}
	_, err := setupWith(t, f, defaultSetup(), server)
	require.NoError(t, err)
	assert.Contains(t, f.changes(), "POST /logs-ti_threatq.threat-default/_rollover")

	f.forget()
	_, err = setupWith(t, f, defaultSetup(), server)
	require.NoError(t, err)
	assert.Empty(t, f.changes())
}
