// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/kibana"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// fakeKibana behaves as the APIs of Kibana that setup uses do.
type fakeKibana struct {
	t       *testing.T
	version string
	objects map[string]object_
	imports int
	paths   []string
	refuse  func(path string) (int, string)
}

func (k *fakeKibana) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.paths = append(k.paths, r.Method+" "+r.URL.RequestURI())
	if k.refuse != nil {
		if status, body := k.refuse(r.URL.Path); status != 0 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return
		}
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/api/status"):
		_ = json.NewEncoder(w).Encode(object_{"name": "k", "version": object_{"number": k.version, "build_flavor": "traditional"}})
	case strings.HasSuffix(r.URL.Path, "/api/saved_objects/_import"):
		assert.Equal(k.t, "true", r.URL.Query().Get("overwrite"))
		assert.NotEmpty(k.t, r.Header.Get("kbn-xsrf"))
		file, header, err := r.FormFile("file")
		require.NoError(k.t, err)
		assert.True(k.t, strings.HasSuffix(header.Filename, ".ndjson"), "Kibana takes no other name")
		data, err := io.ReadAll(file)
		require.NoError(k.t, err)
		var imported []object_
		for line := range strings.Lines(string(data)) {
			var o object_
			require.NoError(k.t, json.Unmarshal([]byte(line), &o))
			// Kibana adds what it likes to know.
			o["updated_at"] = "2024-01-01T00:00:00.000Z"
			o["attributes"].(object_)["sourceFilters"] = "[]"
			key := o["type"].(string) + "/" + o["id"].(string)
			result := object_{"type": o["type"], "id": o["id"]}
			if k.objects[key] != nil {
				result["overwrite"] = true
			}
			imported = append(imported, result)
			k.objects[key] = o
		}
		k.imports++
		_ = json.NewEncoder(w).Encode(object_{"success": true, "successCount": len(imported), "successResults": imported})
	default:
		w.WriteHeader(404)
	}
}

func newFakeKibana(t *testing.T) (*fakeKibana, func() (*kibana.Client, error)) {
	k := &fakeKibana{t: t, version: "8.3.0", objects: map[string]object_{}}
	s := httptest.NewServer(k)
	t.Cleanup(s.Close)
	return k, func() (*kibana.Client, error) {
		return ConnectKibana(conf.MustNewConfigFrom(map[string]any{"host": s.URL, "username": "u", "password": "hunter2"}), "threatqbeat", "0.1.0")
	}
}

func importInto(connect func() (*kibana.Client, error)) ([]Report, error) {
	var reports []Report
	err := New(nil, connect, defaultSetup(), logp.NewNopLogger(), func(r Report) { reports = append(reports, r) }).
		Setup(context.Background(), Parts{Dashboards: true})
	return reports, err
}

func TestDashboardsAreCreatedThenUpdated(t *testing.T) {
	k, connect := newFakeKibana(t)
	objects := assets.KibanaObjects()
	for _, want := range []Action{Created, Updated, Updated} {
		reports, err := importInto(connect)
		require.NoError(t, err)
		require.Len(t, reports, 1)
		assert.Equal(t, want, reports[0].Action)
		assert.Len(t, k.objects, len(objects))
		assert.Contains(t, k.objects, "index-pattern/threatq-active-indicators")
		delete(k.objects, "dashboard/threatq-files")
	}
}

func TestDashboardsGoToTheSpace(t *testing.T) {
	k := &fakeKibana{t: t, version: "9.0.0", objects: map[string]object_{}}
	s := httptest.NewServer(k)
	t.Cleanup(s.Close)
	_, err := importInto(func() (*kibana.Client, error) {
		return ConnectKibana(conf.MustNewConfigFrom(map[string]any{"host": s.URL, "space.id": "soc"}), "threatqbeat", "0.1.0")
	})
	require.NoError(t, err)
	assert.Contains(t, k.paths, "POST /s/soc/api/saved_objects/_import?overwrite=true")
}

func TestDashboardRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		version string
		refuse  func(path string) (int, string)
		want    []string
	}{
		"too old": {"8.2.3", nil, []string{"8.2.3", assets.MinimumKibana}},
		"credentials": {"8.3.0", func(string) (int, string) { return 401, `{"statusCode":401,"message":"Unauthorized"}` },
			[]string{"401", "setup.kibana"}},
		"not ready": {"8.3.0", func(string) (int, string) { return 503, `Kibana server is not ready yet` },
			[]string{"503", "recovered"}},
		"privilege": {"8.3.0", func(path string) (int, string) {
			if strings.HasSuffix(path, "_import") {
				return 403, `{"statusCode":403,"error":"Forbidden","message":"Unable to bulk_create dashboard,index-pattern"}`
			}
			return 0, ""
		}, []string{"Unable to bulk_create", "Saved Objects Management"}},
		"some objects": {"8.3.0", func(path string) (int, string) {
			if strings.HasSuffix(path, "_import") {
				return 200, `{"success":false,"errors":[{"id":"threatq-files","type":"dashboard","error":{"type":"missing_references"}}]}`
			}
			return 0, ""
		}, []string{"threatq-files", "missing_references"}},
	} {
		t.Run(name, func(t *testing.T) {
			k, connect := newFakeKibana(t)
			k.version, k.refuse = tc.version, tc.refuse
			_, err := importInto(connect)
			refusedFor(t, err, append(tc.want, "Kibana dashboards")...)
			assert.NotContains(t, err.Error(), "hunter2")
			assert.Empty(t, k.objects)
		})
	}
}

func TestKibanaAbsent(t *testing.T) {
	_, err := importInto(func() (*kibana.Client, error) {
		return ConnectKibana(conf.MustNewConfigFrom(map[string]any{"host": "http://" + closedPort(t)}), "threatqbeat", "0.1.0")
	})
	refusedFor(t, err, "Kibana", "connection refused", "setup.kibana.host", "--index-management --pipelines --transforms")
}
