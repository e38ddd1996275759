// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

// Each asset is printed without a server and without a configuration.
func TestExport(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	want := map[string][]string{
		"template":           {`"logs-ti_threatq.threat-*"`, `"data_stream"`, `"constant_keyword"`},
		"dest-template":      {`"logs-ti_threatq_latest.dest_threat-*"`, `"threatq"`},
		"component-template": {`"template"`},
		"ilm-policy":         {`"5d"`, `"50gb"`},
		"pipeline":           {`"event.ingested"`, `"on_failure"`},
		"index":              {`"logs-ti_threatq_latest.threat"`, `"threatq.ioc_expired_at"`},
		"transform":          {`"latest"`, `"retention_policy"`},
	}
	dir := beattest.NewDir(t)
	for kind, texts := range want {
		t.Run(kind, func(t *testing.T) {
			output, code := dir.Run("export", kind)
			require.Zero(t, code, output)
			assert.True(t, json.Valid([]byte(output)), "valid JSON")
			for _, text := range texts {
				assert.Contains(t, output, text)
			}
		})
	}
	t.Run("dashboard", func(t *testing.T) {
		output, code := dir.Run("export", "dashboard")
		require.Zero(t, code, output)
		for line := range strings.Lines(output) {
			assert.True(t, json.Valid([]byte(line)), "valid JSON in each line")
		}
		for _, id := range []string{"threatq-overview", "threatq-files", "threatq-network", "threatq-active-indicators"} {
			assert.Contains(t, output, `"id":"`+id+`"`)
		}
	})
	t.Run("for a version that is too old", func(t *testing.T) {
		output, code := dir.Run("export", "template", "--es.version", "7.17.0")
		assert.Equal(t, 1, code)
		assert.Contains(t, output, "8.0.0")
	})
}

// What the file says for run is nothing to setup: neither that run installs nothing, nor the API key that publishes.
// What the command line says counts.
func TestSetupInstallsWhatTheFileSwitchesOff(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	for name, tt := range map[string]struct {
		args          []string
		put           bool
		authorization string
	}{
		"the file's key":       {nil, true, "ApiKey " + base64.StdEncoding.EncodeToString([]byte("id:publish"))},
		"an administrator":     {[]string{"-E", "output.elasticsearch.username=admin", "-E", "output.elasticsearch.password=changeme"}, true, "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:changeme"))},
		"another key":          {[]string{"-E", "output.elasticsearch.api_key=id:setup"}, true, "ApiKey " + base64.StdEncoding.EncodeToString([]byte("id:setup"))},
		"switched off with -E": {[]string{"-E", "setup.pipelines.enabled=false"}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var put []string
			es := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Elastic-Product", "Elasticsearch")
				w.Header().Set("Content-Type", "application/json")
				switch {
				case r.Method == http.MethodPut:
					mu.Lock()
					defer mu.Unlock()
					put = append(put, r.URL.Path, r.Header.Get("Authorization"))
					_, _ = io.WriteString(w, `{"acknowledged":true}`)
				case r.URL.Path == "/":
					_, _ = io.WriteString(w, `{"name":"fake","version":{"number":"9.2.0","build_flavor":"default"},"tagline":"You Know, for Search"}`)
				default:
					w.WriteHeader(http.StatusNotFound)
					_, _ = io.WriteString(w, `{}`)
				}
			}))
			defer es.Close()
			dir := beattest.NewDir(t)
			dir.Configure(map[string]any{
				"output":                  map[string]any{"elasticsearch": map[string]any{"hosts": []string{es.URL}, "api_key": "id:publish"}},
				"setup.pipelines.enabled": false,
			})
			output, code := dir.Run(append([]string{"setup", "--pipelines"}, tt.args...)...)
			require.Zero(t, code, output)
			mu.Lock()
			defer mu.Unlock()
			if tt.put {
				require.NotEmpty(t, put, output)
				assert.Equal(t, []string{"/_ingest/pipeline/logs-ti_threatq.threat", tt.authorization}, put[:2])
			} else {
				assert.Empty(t, put, output)
			}
		})
	}
}

// A user on the command line takes the place of the file's API key for other commands as well.
func TestCredentialsOfTheCommandLine(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	es := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		if user, password, _ := r.BasicAuth(); user+":"+password != "admin:changeme" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(w, `{"version":{"number":"9.2.0","build_flavor":"default"}}`)
	}))
	defer es.Close()
	dir := beattest.NewDir(t)
	dir.Configure(map[string]any{"output": map[string]any{"elasticsearch": map[string]any{"hosts": []string{es.URL}, "api_key": "id:publish"}}})
	output, _ := dir.Run("test", "output")
	assert.Contains(t, output, "the server refuses the credentials (401)")
	output, _ = dir.Run("test", "output", "-E", "output.elasticsearch.username=admin", "-E", "output.elasticsearch.password=changeme")
	assert.Contains(t, output, "version: 9.2.0")
}

// Setup says which asset, why, and what to do, and exits with 1.
func TestSetupRefusals(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	tests := map[string]struct {
		settings map[string]any
		args     []string
		want     []string
	}{
		"no Elasticsearch": {
			settings: map[string]any{"output": map[string]any{"elasticsearch": map[string]any{"hosts": []string{"http://127.0.0.1:1"}}}},
			want:     []string{"Elasticsearch at http://127.0.0.1:1", "refused", "output.elasticsearch.hosts"},
		},
		"another output": {
			want: []string{"output.elasticsearch is not configured", "export"},
		},
		"no Kibana": {
			settings: map[string]any{"setup.kibana.host": "http://127.0.0.1:1"},
			args:     []string{"--dashboards"},
			want:     []string{"Kibana dashboards", "setup.kibana.host", "--index-management --pipelines --transforms"},
		},
		"a frequency out of range": {
			settings: map[string]any{"setup.transforms.frequency": "2h"},
			want:     []string{"setup.transforms.frequency", "2h", "1s to 1h"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := beattest.NewDir(t)
			dir.Configure(tt.settings)
			output, code := dir.Run(append([]string{"setup"}, tt.args...)...)
			assert.Equal(t, 1, code)
			for _, want := range tt.want {
				assert.Contains(t, output, want)
			}
		})
	}
}
