// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

var update = flag.Bool("update", false, "write the golden files")

// server is what the tests install: everything but the dashboards.
var server = Parts{IndexManagement: true, Pipelines: true, Transforms: true}

// defaultSetup are the settings of a configuration that says nothing.
func defaultSetup() config.Setup {
	cfg, err := config.SetupFrom(conf.NewConfig())
	if err != nil {
		panic(err)
	}
	return cfg
}

// setupWith connects with the fake and installs parts, without waiting.
func setupWith(t *testing.T, f *fakeElasticsearch, cfg config.Setup, parts Parts) ([]Report, error) {
	t.Helper()
	url, stop := f.start()
	defer stop()
	es, err := Connect(t.Context(), outputOf(t, map[string]any{"hosts": []string{url}}), "threatqbeat", logp.NewNopLogger())
	require.NoError(t, err)
	defer es.Close()
	var reports []Report
	installer := New(es, nil, cfg, logp.NewNopLogger(), func(r Report) { reports = append(reports, r) })
	installer.sleep = func(context.Context, time.Duration) error { return nil }
	err = installer.Setup(t.Context(), parts)
	return reports, err
}

func outputOf(t *testing.T, settings map[string]any) conf.Namespace {
	t.Helper()
	var ns conf.Namespace
	require.NoError(t, ns.Unpack(conf.MustNewConfigFrom(map[string]any{"elasticsearch": settings})))
	return ns
}

// install installs everything and wants it to succeed.
func install(t *testing.T, f *fakeElasticsearch) {
	t.Helper()
	_, err := setupWith(t, f, defaultSetup(), server)
	require.NoError(t, err)
	f.forget()
}

// installPrevious gives the fake what version 0.9.0 of the assets would have
// left, in use: with indicators, a data stream and a running transform.
func installPrevious(t *testing.T, f *fakeElasticsearch) {
	t.Helper()
	install(t, f)
	old := object_{"managed_by": "threatqbeat", "version": "0.9.0", "hash": "0123456789abcdef"}
	f.pipelines[assets.PipelineName]["_meta"] = old
	f.indexTemplates[assets.TemplateName]["_meta"] = old
	f.indexTemplates[assets.DestTemplateName]["_meta"] = old
	policy := f.policies[assets.PolicyName]["policy"].(object_)
	policy["phases"].(object_)["delete"].(object_)["min_age"] = "3d"
	hash := assets.ContentHash(policy)
	policy["_meta"] = object_{"managed_by": "threatqbeat", "version": "0.9.0", "hash": hash}

	index := f.indices["logs-ti_threatq_latest.dest_threat-1"]
	index.mapping = object_{"_meta": old, "properties": object_{}}
	index.docs = map[string]string{"a": "1", "b": "2", "c": "3"}
	f.dataStreams["logs-ti_threatq.threat-default"] = []string{".ds-logs-ti_threatq.threat-default-000001@old"}

	id := assets.TransformID()
	f.transforms[assets.TransformPrefix+"0.9.0"] = f.transforms[id]
	f.transforms[assets.TransformPrefix+"0.9.0"].config["_meta"] = old
	delete(f.transforms, id)
}

// works says whether the active indicators are kept current: a transform runs
// and writes to the index behind the alias.
func works(f *fakeElasticsearch) bool {
	for _, tr := range f.transforms {
		dest := f.indices[tr.config["dest"].(object_)["index"].(string)]
		if tr.state == "started" && dest != nil && dest.aliases[assets.Alias] != nil {
			return true
		}
	}
	return false
}

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

func transformID(t *testing.T) string {
	t.Helper()
	id := assets.TransformID()
	return id
}

// golden compares with a file in which VERSION stands for the version of the assets.
func golden(t *testing.T, name, got string) {
	t.Helper()
	v := assets.Version()
	got = strings.NewReplacer(transformID(t), assets.TransformPrefix+"VERSION", `"version": "`+v+`"`, `"version": "VERSION"`).Replace(got)
	file := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
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

func TestCrashAtEachRequest(t *testing.T) {
	fast := defaultSetup()
	fast.Transforms.Frequency = time.Second
	for name, tc := range map[string]struct {
		prepare func(*testing.T, *fakeElasticsearch)
		cfg     config.Setup
	}{
		"fresh":       {func(*testing.T, *fakeElasticsearch) {}, defaultSetup()},
		"upgrade":     {installPrevious, defaultSetup()},
		"new setting": {install, fast},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			tc.prepare(t, f)
			f.forget()
			_, err := setupWith(t, f, tc.cfg, server)
			require.NoError(t, err)
			want, steps := f.state(), len(f.sent())
			require.Greater(t, steps, 5)

			every := 1
			if beattest.RaceEnabled {
				every = 5
			}
			for at := 1; at <= steps; at += every {
				for _, after := range []bool{false, true} {
					f := newFake(t)
					tc.prepare(t, f)
					f.die(at, after)
					_, err := setupWith(t, f, tc.cfg, server)
					line := f.sent()[at-1].Line
					require.Error(t, err, "died at %s", line)
					var refused *Error
					require.ErrorAs(t, err, &refused)
					assert.Contains(t, refused.Cause, "the server can't be reached")

					f.die(0, false)
					_, err = setupWith(t, f, tc.cfg, server)
					require.NoError(t, err, "died at %s, after: %t", line, after)
					assert.Equal(t, want, f.state(), "died at %s, after: %t", line, after)
					assert.True(t, works(f), "died at %s, after: %t", line, after)

					f.forget()
					_, err = setupWith(t, f, tc.cfg, server)
					require.NoError(t, err)
					assert.Empty(t, f.changes(), "died at %s, after: %t", line, after)
				}
			}
		})
	}
}

// Each request of an upgrade is refused in turn. The active indicators are kept
// current all the same, and setup completes once the refusal ends.
func TestRefusalAtEachRequestKeepsWhatWorks(t *testing.T) {
	f := newFake(t)
	installPrevious(t, f)
	_, err := setupWith(t, f, defaultSetup(), server)
	require.NoError(t, err)
	want := f.state()
	var lines []string
	for _, r := range f.sent() {
		if !slices.Contains(lines, r.Line) {
			lines = append(lines, r.Line)
		}
	}
	for _, line := range lines {
		t.Run(line, func(t *testing.T) {
			f := newFake(t)
			installPrevious(t, f)
			f.refuse = func(got string) (int, string) {
				if got == line {
					return 403, `{"error":{"type":"security_exception","reason":"action [x] is unauthorized for user [u], this action is granted by the cluster privileges [some_privilege,all]"},"status":403}`
				}
				return 0, ""
			}
			_, err := setupWith(t, f, defaultSetup(), server)
			refusedFor(t, err, "some_privilege", "threatqbeat_setup")
			assert.True(t, works(f), "nothing keeps the indicators current")

			f.refuse = nil
			_, err = setupWith(t, f, defaultSetup(), server)
			require.NoError(t, err)
			assert.Equal(t, want, f.state())
		})
	}
}

func TestRefusals(t *testing.T) {
	licence := `{"error":{"type":"security_exception","reason":"current license is non-compliant for [transform]","license.expired.feature":"transform"},"status":403}`
	noNode := `{"error":{"type":"status_exception","reason":"Transform requires the transform node role for at least 1 node, found no transform nodes"},"status":400}`
	denied := `{"error":{"type":"security_exception","reason":"action [cluster:admin/ingest/pipeline/put] is unauthorized for user [beats], this action is granted by the cluster privileges [manage_ingest_pipelines,manage_pipeline,manage,all]"},"status":403}`
	for name, tc := range map[string]struct {
		line   string
		status int
		body   string
		want   []string
	}{
		"credentials": {"GET /_ingest", 401, `{"error":{"type":"security_exception","reason":"unable to authenticate user [x]"},"status":401}`,
			[]string{"ingest pipeline logs-ti_threatq.threat", "api_key"}},
		"privilege": {"PUT /_ingest", 403, denied,
			[]string{"ingest pipeline logs-ti_threatq.threat", "the cluster privilege manage_ingest_pipelines", "manage_pipeline"}},
		"privilege unnamed": {"PUT /_ilm", 403, `{}`,
			[]string{"ILM policy logs-ti_threatq.threat-default_policy", "the cluster privilege manage_ilm"}},
		"licence": {"PUT /_transform", 403, licence,
			[]string{"transform " + transformID(t), "non-compliant", "Basic"}},
		"transform node missing": {"PUT /_transform", 400, noNode,
			[]string{"transform " + transformID(t), "node.roles"}},
		"no such API": {"GET /_transform", 400, `{"error":"no handler found for uri [/_transform/x] and method [GET]"}`,
			[]string{"no handler found", "default distribution"}},
		"bad template": {"PUT /_index_template", 400, `{"error":{"type":"illegal_argument_exception","reason":"composable template would cause conflict","caused_by":{"reason":"index template [x] has priority 200"}},"status":400}`,
			[]string{"index template logs-ti_threatq.threat", "400 illegal_argument_exception", "[x] has priority 200"}},
		"overloaded": {"PUT /_ilm", 503, `{"error":{"type":"process_cluster_event_timeout_exception","reason":"failed to process cluster event"},"status":503}`,
			[]string{"recovered"}},
		"a proxy":  {"GET /_ilm", 502, `<html>Bad Gateway</html>`, []string{"502", "Bad Gateway"}},
		"not JSON": {"GET /_ilm", 200, `<html>hello</html>`, []string{"not the JSON", "output.elasticsearch.hosts"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.refuse = func(line string) (int, string) {
				if strings.HasPrefix(line, tc.line) {
					return tc.status, tc.body
				}
				return 0, ""
			}
			_, err := setupWith(t, f, defaultSetup(), server)
			refusedFor(t, err, tc.want...)
		})
	}
}

func TestOldServerIsRefusedBeforeAnythingIsChanged(t *testing.T) {
	f := newFake(t)
	f.version = "7.17.9"
	_, err := setupWith(t, f, defaultSetup(), server)
	refusedFor(t, err, "7.17.9", "8.0.0 or later")
	assert.Empty(t, f.sent())
}

// What belongs to somebody else is refused before anything is changed.
func TestForeignAssetsAreRefused(t *testing.T) {
	fleet := object_{"managed_by": "fleet", "managed": true}
	elastics := object_{"managed_by": "fleet", "package": object_{"name": "ti_threatq"}}
	const dest = "logs-ti_threatq_latest.dest_threat-1"
	for name, tc := range map[string]struct {
		own  func(*fakeElasticsearch)
		want []string
	}{
		"pipeline": {
			func(f *fakeElasticsearch) { f.pipelines[assets.PipelineName] = object_{"_meta": fleet} },
			[]string{"ingest pipeline logs-ti_threatq.threat", "Fleet"},
		},
		"template": {
			func(f *fakeElasticsearch) { f.indexTemplates[assets.TemplateName] = object_{"_meta": elastics} },
			[]string{"index template logs-ti_threatq.threat", "Elastic's integration ThreatQuotient (ti_threatq)", "From an integration of Fleet"},
		},
		"somebody's template of a higher priority": {
			func(f *fakeElasticsearch) {
				f.indexTemplates["mine"] = object_{"index_patterns": []any{"logs-ti_threatq.*"}, "priority": 500}
			},
			[]string{"index template mine", "logs-ti_threatq.*", "500", "DELETE _index_template/mine"},
		},
		"somebody's template of one namespace": {
			func(f *fakeElasticsearch) {
				f.indexTemplates["mine"] = object_{"index_patterns": []any{"logs-ti_threatq.threat-lab"}, "priority": 300}
			},
			[]string{"index template mine"},
		},
		"transform of the same name": {
			func(f *fakeElasticsearch) {
				f.transforms[assets.TransformPrefix+"0.3.0"] = &fakeTransform{state: "stopped", config: object_{"_meta": elastics}}
			},
			[]string{"transform " + assets.TransformPrefix + "0.3.0", "Elastic's integration"},
		},
		"transform that an uninstalled package left": {
			func(f *fakeElasticsearch) {
				f.transforms["logs-threatq.latest_ioc-default-1.1.0"] = &fakeTransform{state: "started", config: object_{
					"_meta": object_{"managed_by": "fleet", "package": object_{"name": "threatq"}}, "dest": object_{"index": dest},
				}}
			},
			[]string{
				"transform logs-threatq.latest_ioc-default-1.1.0", "the integration threatq",
				"POST _transform/logs-threatq.latest_ioc-default-1.1.0/_stop?force=true&wait_for_completion=true",
				"DELETE _transform/logs-threatq.latest_ioc-default-1.1.0",
			},
		},
		"transform that somebody made": {
			func(f *fakeElasticsearch) {
				f.transforms["mine"] = &fakeTransform{state: "stopped", config: object_{"dest": object_{"index": dest}}}
			},
			[]string{"transform mine", "DELETE _transform/mine"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			tc.own(f)
			_, err := setupWith(t, f, defaultSetup(), server)
			refusedFor(t, err, tc.want...)
			assert.Empty(t, f.changes())
		})
	}
}

// Templates that are no rivals are left alone.
func TestOtherTemplatesAreNoRivals(t *testing.T) {
	f := newFake(t)
	f.indexTemplates["logs"] = object_{"index_patterns": []any{"logs-*-*"}, "priority": 100}
	f.indexTemplates["another"] = object_{"index_patterns": []any{"logs-ti_misp.threat-*", "logs-ti_threatq.other-*"}, "priority": 500}
	_, err := setupWith(t, f, defaultSetup(), server)
	require.NoError(t, err)
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

func TestReindexThatFails(t *testing.T) {
	for name, answer := range map[string]string{
		"documents": `{"completed":true,"response":{"failures":[{"id":"a","cause":{"type":"mapper_parsing_exception","reason":"failed to parse field [x]"}}]}}`,
		"task":      `{"completed":true,"error":{"type":"search_phase_execution_exception","reason":"all shards failed, failed to parse field [x]"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			installPrevious(t, f)
			f.refuse = func(line string) (int, string) {
				if strings.HasPrefix(line, "GET /_tasks/") {
					return 200, answer
				}
				return 0, ""
			}
			_, err := setupWith(t, f, defaultSetup(), server)
			refusedFor(t, err, "dest_threat-2", "failed to parse field [x]", "stays on the old index")
			assert.True(t, works(f))
			assert.NotNil(t, f.indices["logs-ti_threatq_latest.dest_threat-1"].aliases[assets.Alias])
		})
	}
}

func TestReindexThatLosesDocuments(t *testing.T) {
	f := newFake(t)
	installPrevious(t, f)
	f.refuse = func(line string) (int, string) {
		switch line {
		case "GET /logs-ti_threatq_latest.dest_threat-1/_count":
			return 200, `{"count":3000}`
		case "GET /logs-ti_threatq_latest.dest_threat-2/_count":
			return 200, `{"count":2999}`
		}
		return 0, ""
	}
	_, err := setupWith(t, f, defaultSetup(), server)
	refusedFor(t, err, "only 2,999 of 3,000 indicators arrived")
	assert.True(t, works(f))
}

func TestTransformThatDoesNotStop(t *testing.T) {
	f := newFake(t)
	installPrevious(t, f)
	f.transforms[assets.TransformPrefix+"0.9.0"].stopping = 0
	f.refuse = func(line string) (int, string) {
		if strings.Contains(line, "/_stats") {
			return 200, `{"transforms":[{"id":"logs-ti_threatq.latest_ioc-default-0.9.0","state":"stopping"}]}`
		}
		return 0, ""
	}
	_, err := setupWith(t, f, defaultSetup(), server)
	refusedFor(t, err, "still stopping after two minutes")
}

func TestInterruption(t *testing.T) {
	f := newFake(t)
	url, _ := f.start()
	es, err := Connect(t.Context(), outputOf(t, map[string]any{"hosts": []string{url}}), "threatqbeat", logp.NewNopLogger())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = New(es, nil, defaultSetup(), logp.NewNopLogger(), func(Report) {}).Setup(ctx, server)
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, f.sent())
}

// refusedFor wants an Error whose message has all the parts.
func refusedFor(t *testing.T, err error, parts ...string) {
	t.Helper()
	var refused *Error
	require.ErrorAs(t, err, &refused)
	assert.NotEmpty(t, refused.Remedy)
	for _, p := range parts {
		assert.Contains(t, err.Error(), p)
	}
}
