// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package validate

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aymerick/raymond"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden is where the main module's tests read what the template of the stream gives. They check
// that threatqbeat accepts it.
const golden = "../testdata"

// variable is an entry of vars in the data stream's manifest.
type variable struct {
	Name    string `yaml:"name"`
	Type    string `yaml:"type"`
	Default any    `yaml:"default"`
}

// The template gives a configuration for the defaults with what is required, and for a value of each
// variable.
func TestStreamTemplate(t *testing.T) {
	folder, _ := build(t, version)
	var manifest struct {
		Streams []struct {
			TemplatePath string     `yaml:"template_path"`
			Vars         []variable `yaml:"vars"`
		} `yaml:"streams"`
	}
	content, err := os.ReadFile(filepath.Join(folder, "data_stream/threat/manifest.yml"))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(content, &manifest))
	require.Len(t, manifest.Streams, 1)
	stream := manifest.Streams[0]
	template, err := raymond.ParseFile(filepath.Join(folder, "data_stream/threat/agent/stream", stream.TemplatePath))
	require.NoError(t, err)
	template.RegisterHelper("contains", func(item string, list []any, options *raymond.Options) string {
		if slices.Contains(list, any(item)) {
			return options.Fn()
		}
		return ""
	})

	template.RegisterHelper("escape_string", func(text string) raymond.SafeString {
		return raymond.SafeString("'" + strings.ReplaceAll(text, "'", "''") + "'")
	})

	required := map[string]any{
		"url":                "https://threatq.example.com",
		"data_collection_id": "0123456789abcdef",
		"client_id":          "client",
		"client_secret":      `it's # a: "secret`,
	}
	optional := map[string]any{
		"token_url":                  "https://login.example.com/api/token",
		"interval":                   "5m",
		"ioc_expiration_duration":    "30d",
		"expired_statuses":           []any{"Expired", "Whitelisted"},
		"preserve_original_event":    true,
		"page_size":                  500,
		"fields_param":               "*,sources",
		"request_timeout":            "45s",
		"request_proxy_url":          "http://proxy.example.com:3128",
		"request_ssl":                "verification_mode: certificate\n",
		"request_retry_max_attempts": 7,
		"request_rate_limit_limit":   "2.5",
		"request_tracer_enabled":     true,
		"tags":                       []any{"threatq-threat", "soc"},
		"processors":                 "- add_tags:\n    tags: [soc]\n",
	}
	values := func(chosen ...map[string]any) map[string]any {
		found := map[string]any{}
		for _, v := range stream.Vars {
			found[v.Name] = v.Default
			for _, c := range chosen {
				if value, ok := c[v.Name]; ok {
					found[v.Name] = value
				}
			}
		}
		return found
	}
	for _, v := range stream.Vars {
		_, isRequired := required[v.Name]
		_, isOptional := optional[v.Name]
		assert.True(t, isRequired || isOptional, "the test lacks a value for %s", v.Name)
	}
	for name, vars := range map[string]map[string]any{
		"stream_defaults.yml": values(required),
		"stream_all.yml":      values(required, optional),
	} {
		t.Run(name, func(t *testing.T) {
			got := render(t, template, stream.Vars, vars)
			path := filepath.Join(golden, name)
			if *update {
				require.NoError(t, os.WriteFile(path, got, 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(got), "run go test -C dev-tools/fleetpackage/validate -update")
		})
	}
}

// render does as Fleet does: it fills in the template without escaping, a placeholder for each value
// that is YAML, and puts the values in the place of the placeholders once the result is read.
func render(t *testing.T, template *raymond.Template, variables []variable, vars map[string]any) []byte {
	t.Helper()
	inserted := map[string]any{}
	for _, v := range variables {
		value := vars[v.Name]
		text, isText := value.(string)
		switch {
		case value == nil:
			delete(vars, v.Name)
		case v.Type == "yaml":
			var parsed any
			require.NoError(t, yaml.Unmarshal([]byte(text), &parsed))
			placeholder := fmt.Sprintf("##%s##", v.Name)
			inserted[placeholder] = parsed
			vars[v.Name] = raymond.SafeString(`"` + placeholder + `"`)
		case isText:
			vars[v.Name] = raymond.SafeString(text)
		}
	}
	filled, err := template.Exec(vars)
	require.NoError(t, err)
	var config map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(filled), &config), filled)
	for key, value := range config {
		if text, ok := value.(string); ok {
			if parsed, ok := inserted[text]; ok {
				config[key] = parsed
			}
		}
	}
	content, err := yaml.Marshal(config)
	require.NoError(t, err)
	return content
}
