// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"
	libbeat "github.com/elastic/beats/v7/libbeat/dashboards"
	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp/logptest"
	"github.com/elastic/elastic-agent-libs/version"
)

// The folder of the files is one that Libbeat's own importer can read (setup.dashboards.directory),
// and it sends the same objects as this package gives out.
func TestLibbeatImportsTheFiles(t *testing.T) {
	var mu sync.Mutex
	imported := map[string]string{}
	kibana := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/status" {
			_, err := w.Write([]byte(`{"version": {"number": "8.3.0"}}`))
			assert.NoError(t, err)
			return
		}
		assert.Equal(t, "/api/saved_objects/_import", r.URL.Path)
		file, _, err := r.FormFile("file")
		if !assert.NoError(t, err) {
			return
		}
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 1<<20)
		mu.Lock()
		defer mu.Unlock()
		for lines.Scan() {
			var s savedObject
			if assert.NoError(t, json.Unmarshal(lines.Bytes(), &s)) {
				imported[s.Type+"/"+s.ID] = lines.Text()
			}
		}
		assert.NoError(t, lines.Err())
		_, err = w.Write([]byte(`{"success": true}`))
		assert.NoError(t, err)
	}))
	t.Cleanup(kibana.Close)

	cfg, err := config.NewConfigFrom(map[string]any{"host": kibana.URL})
	require.NoError(t, err)
	settings := &libbeat.Config{Dir: "kibana", Retry: &libbeat.Retry{}}
	info := beat.Info{Beat: "threatqbeat", Logger: logptest.NewTestingLogger(t, "")}
	loader, err := libbeat.NewKibanaLoader(context.Background(), cfg, settings, nil, info)
	require.NoError(t, err)
	importer, err := libbeat.NewImporter(*version.MustNew("8.3.0"), settings, *loader, nil)
	require.NoError(t, err)
	require.NoError(t, importer.Import())

	objects := KibanaObjects()
	assert.Len(t, imported, len(objects))
	for _, o := range objects {
		key := o.Type + "/" + o.ID
		if assert.Contains(t, imported, key) {
			assert.True(t, reflect.DeepEqual(decoded(t, string(o.JSON)), decoded(t, imported[key])), "%s differs", key)
		}
	}
}

// decoded returns an object with the JSON within its strings parsed: Libbeat escapes < and > there.
func decoded(t *testing.T, line string) map[string]any {
	t.Helper()
	var o map[string]any
	require.NoError(t, json.Unmarshal([]byte(line), &o))
	attributes, ok := o["attributes"].(map[string]any)
	require.True(t, ok)
	for _, path := range encoded {
		if text, ok := get(attributes, path).(string); ok {
			var v any
			require.NoError(t, json.Unmarshal([]byte(text), &v))
			set(attributes, path, v)
		}
	}
	return o
}
