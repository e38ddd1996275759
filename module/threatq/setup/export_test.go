// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// What export prints is what setup sends.
func TestExportPrintsWhatSetupSends(t *testing.T) {
	f := newFake(t)
	_, err := setupWith(t, f, defaultSetup(), server)
	require.NoError(t, err)
	sent := map[string]any{}
	for _, r := range f.sent() {
		sent[r.Line] = r.Body
	}
	exports := Exports()
	for _, e := range exports {
		t.Run(e.Name, func(t *testing.T) {
			text, err := e.Text(ExportOptions{Version: f.version, Config: defaultSetup()})
			require.NoError(t, err)
			assert.True(t, strings.HasSuffix(string(text), "\n"))
			assert.NotEmpty(t, e.Short)
			if e.Name == "dashboard" {
				ndjson := assets.KibanaNDJSON()
				assert.Equal(t, string(ndjson), string(text))
				return
			}
			var body any
			require.NoError(t, json.Unmarshal(text, &body))
			method, path, _ := strings.Cut(e.Request, " ")
			want, ok := sent[method+" /"+path]
			require.True(t, ok, e.Request)
			assert.Equal(t, want, body)
		})
	}
}

func exported(t *testing.T, name string) Export {
	t.Helper()
	exports := Exports()
	n := slices.IndexFunc(exports, func(e Export) bool { return e.Name == name })
	require.GreaterOrEqual(t, n, 0, name)
	return exports[n]
}

func TestExportForAVersion(t *testing.T) {
	fast := defaultSetup()
	fast.Transforms.Frequency = 7 * time.Second
	for name, tc := range map[string]struct {
		kind    string
		opts    ExportOptions
		has     []string
		hasNone []string
	}{
		"newest":     {"transform", ExportOptions{Config: defaultSetup()}, []string{`"num_failure_retries": -1`, `"frequency": "5s"`, `"delay": "20s"`}, nil},
		"oldest":     {"transform", ExportOptions{Version: "8.0.0", Config: fast}, []string{`"frequency": "7s"`}, []string{"num_failure_retries"}},
		"serverless": {"template", ExportOptions{Serverless: true}, []string{"data_retention"}, []string{"default_policy"}},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := exported(t, tc.kind).Text(tc.opts)
			require.NoError(t, err)
			for _, s := range tc.has {
				assert.Contains(t, string(text), s)
			}
			for _, s := range tc.hasNone {
				assert.NotContains(t, string(text), s)
			}
		})
	}
}

func TestExportRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		kind string
		opts ExportOptions
		want string
	}{
		"no version":        {"template", ExportOptions{Version: "eight"}, `"eight"`},
		"old version":       {"template", ExportOptions{Version: "7.17.0"}, "8.0.0 or later"},
		"serverless policy": {"ilm-policy", ExportOptions{Serverless: true}, "no ILM"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := exported(t, tc.kind).Text(tc.opts)
			assert.ErrorContains(t, err, tc.want)
		})
	}
}
