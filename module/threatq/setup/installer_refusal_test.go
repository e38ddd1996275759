// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

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
