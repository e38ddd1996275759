// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	libtesting "github.com/elastic/elastic-agent-libs/testing"
	"github.com/elastic/elastic-agent-libs/version"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// cannedElasticsearch answers by the path, with 404 where it has no answer.
type cannedElasticsearch map[string]string

func (es cannedElasticsearch) GetVersion() version.V { return *version.MustNew("8.17.0") }
func (es cannedElasticsearch) IsServerless() bool    { return false }

func (es cannedElasticsearch) Request(_, path, _ string, _ map[string]string, _ any) (int, []byte, error) {
	path, _, _ = strings.Cut(path, "?")
	answer, ok := es[path]
	if !ok {
		return 404, []byte(`{}`), errors.New("404: {}")
	}
	if status, err := strconv.Atoi(answer); err == nil {
		return status, []byte(`{"error":{"type":"security_exception","reason":"unauthorized"}}`), errors.New(answer)
	}
	return 200, []byte(answer), nil
}

// healthy has everything as setup leaves it.
func healthy(t *testing.T) cannedElasticsearch {
	v := assets.Version()
	id := assets.TransformID()
	meta := `"_meta":{"managed_by":"threatqbeat","version":"` + v + `"}`
	return cannedElasticsearch{
		"/_license": `{"license":{"type":"basic","status":"active"}}`,
		"/_index_template/logs-ti_threatq.threat":      `{"index_templates":[{"index_template":{` + meta + `}}]}`,
		"/_ingest/pipeline/logs-ti_threatq.threat":     `{"logs-ti_threatq.threat":{` + meta + `}}`,
		"/_data_stream/logs-ti_threatq.threat-default": `{"data_streams":[{"status":"GREEN","template":"logs-ti_threatq.threat","indices":[{}]}]}`,
		"/_transform/*":                   `{"transforms":[{"id":"` + id + `","dest":{"index":"logs-ti_threatq_latest.dest_threat-1"}}]}`,
		"/_transform/" + id + "/_stats":   `{"transforms":[{"id":"` + id + `","state":"started"}]}`,
		"/_security/user/_has_privileges": `{"cluster":{"monitor":true},"index":{"logs-ti_threatq.threat-default":{"auto_configure":true,"create_doc":true}}}`,
	}
}

func TestExamineElasticsearch(t *testing.T) {
	id := assets.TransformID()
	tests := map[string]struct {
		change  map[string]string // "" for nothing there
		verdict Verdict
		detail  string // of the first step with the verdict
	}{
		"healthy":            {verdict: OK, detail: "basic, active"},
		"licence expired":    {change: map[string]string{"/_license": `{"license":{"type":"trial","status":"expired"}}`}, verdict: Failed, detail: "the licence (trial) is expired"},
		"no template":        {change: map[string]string{"/_index_template/logs-ti_threatq.threat": ""}, verdict: Failed, detail: "it is missing: run threatqbeat setup"},
		"an older version":   {change: map[string]string{"/_ingest/pipeline/logs-ti_threatq.threat": `{"x":{"_meta":{"managed_by":"threatqbeat","version":"0.1.0"}}}`}, verdict: Warning, detail: "it is of version 0.1.0"},
		"somebody else's":    {change: map[string]string{"/_ingest/pipeline/logs-ti_threatq.threat": `{"x":{"_meta":{"managed_by":"fleet"}}}`}, verdict: Warning, detail: "did not install it"},
		"no data stream yet": {change: map[string]string{"/_data_stream/logs-ti_threatq.threat-default": ""}, verdict: OK, detail: "basic, active"},
		"another template":   {change: map[string]string{"/_data_stream/logs-ti_threatq.threat-default": `{"data_streams":[{"template":"logs"}]}`}, verdict: Failed, detail: "made from the index template logs instead"},
		"no transform":       {change: map[string]string{"/_transform/*": `{"transforms":[]}`}, verdict: Failed, detail: "there is none"},
		"transform failed":   {change: map[string]string{"/_transform/" + id + "/_stats": `{"transforms":[{"id":"` + id + `","state":"failed","reason":"disk full"}]}`}, verdict: Failed, detail: "disk full"},
		"a privilege is missing": {change: map[string]string{
			"/_security/user/_has_privileges": `{"cluster":{"monitor":true},"index":{"logs-ti_threatq.threat-default":{"create_doc":true}}}`,
		}, verdict: Failed, detail: "auto_configure is missing: grant the role"},
		"no security":              {change: map[string]string{"/_security/user/_has_privileges": "400"}, verdict: Warning, detail: "no security"},
		"may only publish":         {change: map[string]string{"/_index_template/logs-ti_threatq.threat": "403", "/_transform/*": "403"}, verdict: Warning, detail: "may not look at it"},
		"the server is in trouble": {change: map[string]string{"/_license": "503"}, verdict: Failed, detail: "the server answered 503"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			es := healthy(t)
			for path, answer := range tt.change {
				if es[path] = answer; answer == "" {
					delete(es, path)
				}
			}
			report := &OutputReport{Output: "elasticsearch"}
			report.Run(libtesting.NullDriver, func(d libtesting.Driver) {
				ExamineElasticsearch(t.Context(), d, es, []string{"default"})
			})
			assert.Equal(t, tt.verdict != Failed, report.Passed, report.Steps)
			for _, step := range report.Steps {
				if step.Verdict == tt.verdict {
					assert.Contains(t, step.Detail, tt.detail)
					return
				}
			}
			assert.Fail(t, "no step has the verdict", report.Steps)
		})
	}
}

func TestExamineFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "threatqbeat-20260101.ndjson")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, tt := range map[string]struct {
		dir, want string
		passed    bool
	}{
		"there":          {dir, "1 files", true},
		"to be created":  {filepath.Join(dir, "a", "b"), "the first event creates it", true},
		"no directory":   {file, "is no directory", false},
		"a pattern":      {filepath.Join(dir, "a["), "it must have none of *", false},
		"not configured": {"", "output.file.path is missing", false},
	} {
		t.Run(name, func(t *testing.T) {
			report := &OutputReport{Output: "file"}
			report.Run(libtesting.NullDriver, func(d libtesting.Driver) { ExamineFile(d, tt.dir, "threatqbeat") })
			assert.Equal(t, tt.passed, report.Passed)
			text, err := json.Marshal(report)
			require.NoError(t, err)
			assert.Contains(t, string(text), tt.want)
			assert.Equal(t, tt.passed, strings.Contains(string(text), `"passed":true`))
		})
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 1, "the test of writing leaves nothing")
}

// Libbeat's own test of the connection has no advice for wrong credentials.
func TestRefusedCredentials(t *testing.T) {
	report := &OutputReport{Output: "elasticsearch"}
	report.Run(libtesting.NullDriver, func(d libtesting.Driver) {
		d.Fatal("talk to server", errors.New(`401 Unauthorized: {"error":{}}`))
	})
	assert.False(t, report.Passed)
	require.Len(t, report.Steps, 1)
	assert.Contains(t, report.Steps[0].Detail, "the server refuses the credentials (401): check api_key, which takes id:api_key")
}
