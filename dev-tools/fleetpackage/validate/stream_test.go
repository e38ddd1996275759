// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package validate

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"testing"

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
	Multi   bool   `yaml:"multi"`
	Default any    `yaml:"default"`
}

// other returns a value that differs from the default, or the default where the type
// doesn't say what else is right.
func (v variable) other() any {
	switch v.Type {
	case "bool":
		return v.Default != true
	case "integer":
		n, _ := v.Default.(int)
		return n + 1
	case "url":
		return "https://other.example.com"
	}
	return v.Default
}

// stream is what the package says of its only stream.
type stream struct {
	vars     []variable
	template string
}

func readStream(t *testing.T) stream {
	t.Helper()
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
	text, err := os.ReadFile(filepath.Join(folder, "data_stream/threat/agent/stream", manifest.Streams[0].TemplatePath))
	require.NoError(t, err)
	return stream{manifest.Streams[0].Vars, string(text)}
}

// values returns the defaults with the given values over them.
func (s stream) values(given ...map[string]any) map[string]any {
	all := map[string]any{}
	for _, v := range s.vars {
		all[v.Name] = v.Default
	}
	for _, values := range given {
		maps.Copy(all, values)
	}
	return all
}

var (
	required = map[string]any{
		"url":                "https://threatq.example.com",
		"data_collection_id": "0123456789abcdef",
		"client_id":          "client",
		"client_secret":      `it's # a: "secret`,
	}
	optional = map[string]any{
		"token_url":                  "https://login.example.com/api/token",
		"interval":                   "5m",
		"ioc_expiration_duration":    "30d",
		"expired_statuses":           []any{"Expired", "Whitelisted"},
		"preserve_original_event":    true,
		"page_size":                  500,
		"fields_param":               "sources,*",
		"request_timeout":            "45s",
		"request_proxy_url":          "http://proxy.example.com:3128",
		"request_ssl":                "verification_mode: certificate\n",
		"request_retry_max_attempts": 7,
		"request_rate_limit_limit":   "2.5",
		"request_tracer_enabled":     true,
		"tags":                       []any{"threatq-threat", "soc"},
		"processors":                 "- add_tags:\n    tags: [soc]\n",
	}
)

// The template gives a configuration for the defaults with what is required, and for a value of each
// variable.
func TestStreamTemplate(t *testing.T) {
	s := readStream(t)
	others := map[string]any{}
	for _, v := range s.vars {
		others[v.Name] = v.other()
	}
	for name, values := range map[string]map[string]any{
		"stream_defaults.yml": s.values(required),
		"stream_all.yml":      s.values(others, required, optional),
	} {
		for _, k := range kibanas {
			t.Run(name+", "+k.name, func(t *testing.T) {
				got, err := yaml.Marshal(k.compile(t, s.template, s.vars, values))
				require.NoError(t, err)
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
}

// texts are what YAML would read as something else than a text, or not at all, without quotes.
var texts = []string{
	"12345", "0123456789012345678", "true", "yes", "null", "~", "1234e56", "0x1F", "1_000", ".5", "12:30:45", "2026-01-02",
	"abc:def #x", "White listed: yes", "{a: b}", "[a, b]", "- a", "? a", "|", ">-", "%a", "@a", "`a`", "!a", "*,sources",
	`"*,sources"`, "&a", "it's", `say "yes"`, `one " only`, `C:\temp\new`, " spaces ", "${HOME}", "{{url}}", "Gefährlich", "two\nlines",
}

// Whatever somebody writes in a field of text is what the input gets.
func TestTextsStayWhatTheyAre(t *testing.T) {
	s := readStream(t)
	// Kibana 9 joins the lines between two lone double quotes. One is all that it can stand.
	noQuote := map[string]any{"client_secret": "it's # a: secret"}
	var tested int
	for _, v := range s.vars {
		if v.Type == "yaml" || v.Type == "bool" || v.Type == "integer" {
			continue
		}
		tested++
		t.Run(v.Name, func(t *testing.T) {
			for _, text := range texts {
				var value any = text
				if v.Multi {
					value = []any{text, "another"}
				}
				for _, k := range kibanas {
					without := k.compile(t, s.template, s.vars, s.values(required, optional, noQuote, map[string]any{v.Name: marked(v, "a-mark")}))
					got := k.compile(t, s.template, s.vars, s.values(required, optional, noQuote, map[string]any{v.Name: value}))
					replace(without, marked(v, "a-mark"), value)
					assert.Equal(t, without, got, "%s: %q", k.name, text)
				}
			}
		})
	}
	assert.Equal(t, 13, tested)
}

// marked is a value of a variable that can be found again.
func marked(v variable, mark string) any {
	if v.Multi {
		return []any{mark}
	}
	return mark
}

// replace puts a value in the place of each one that equals another.
func replace(settings map[string]any, other, value any) {
	for name, current := range settings {
		if below, ok := current.(map[string]any); ok {
			replace(below, other, value)
		} else if assert.ObjectsAreEqual(other, current) {
			settings[name] = value
		}
	}
}
