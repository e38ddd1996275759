// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package docstest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	conf "github.com/elastic/elastic-agent-libs/config"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

// load returns the repository's directory and the pages of the documentation.
func load(t *testing.T) (string, []page) {
	t.Helper()
	root, err := beattest.Root()
	require.NoError(t, err)
	pages, err := readPages(root)
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	return root, pages
}

func blocksIn(pages []page, languages ...string) []block {
	var found []block
	for _, page := range pages {
		for _, block := range page.blocks {
			if slices.Contains(languages, block.language()) {
				found = append(found, block)
			}
		}
	}
	return found
}

// setVariables sets each variable that a block refers to.
func setVariables(t *testing.T, text string) {
	t.Helper()
	for _, found := range regexp.MustCompile(`\$\{([A-Z_]+)\}`).FindAllStringSubmatch(text, -1) {
		value := "from-the-environment"
		if strings.HasSuffix(found[1], "URL") {
			value = "https://threatq.example.com"
		}
		t.Setenv(found[1], value)
	}
}

func TestConfigurationExamples(t *testing.T) {
	_, pages := load(t)
	known := config.BeatSettings().Names()
	for _, option := range config.LibbeatSettings().All() {
		known = append(known, option.Name)
		if option.Free() {
			known = append(known, option.Name+".")
		}
	}

	for _, block := range blocksIn(pages, "yaml", "yml") {
		t.Run(block.String(), func(t *testing.T) {
			setVariables(t, block.text)
			if block.mark() == "other" {
				var any any
				require.NoError(t, yaml.Unmarshal([]byte(block.text), &any))
				return
			}
			cfg, err := conf.NewConfigWithYAML([]byte(block.text), block.String())
			require.NoError(t, err)
			if cfg.IsArray() {
				var inputs []*conf.C
				require.NoError(t, cfg.Unpack(&inputs))
				requireInputs(t, inputs)
				return
			}
			requireConfiguration(t, cfg, known)
		})
	}
}

// requireConfiguration accepts a threatqbeat.yml, or a part of one.
func requireConfiguration(t *testing.T, cfg *conf.C, known []string) {
	t.Helper()
	require.NoError(t, unknownSettings(cfg, known))
	section, err := cfg.Child("threatqbeat", -1)
	if err != nil {
		return
	}
	require.NoError(t, config.CheckBeat(section))
	beat, err := config.Unpack(section)
	require.NoError(t, err)
	requireInputs(t, beat.Inputs)
}

func requireInputs(t *testing.T, inputs []*conf.C) {
	t.Helper()
	ids := map[string]bool{}
	for _, input := range inputs {
		require.NoError(t, config.CheckInput(input))
		unpacked, err := config.UnpackInput(input)
		require.NoError(t, err)
		require.False(t, ids[unpacked.ID], "two inputs with the id %s", unpacked.ID)
		ids[unpacked.ID] = true
	}
}

var listItem = regexp.MustCompile(`\.[0-9]+(\.|$)`)

// unknownSettings returns an error for a setting above the inputs that neither
// threatqbeat nor the reference configuration has.
func unknownSettings(cfg *conf.C, known []string) error {
	for _, key := range cfg.FlattenedKeys() {
		name := key
		if at := listItem.FindStringIndex(name); at != nil {
			name = name[:at[0]]
		}
		if !slices.ContainsFunc(known, func(k string) bool {
			return k == name || strings.HasSuffix(k, ".") && strings.HasPrefix(name+".", k)
		}) {
			return fmt.Errorf("setting %s is not in the reference configuration", name)
		}
	}
	return nil
}

func TestUnknownSettingsAreFound(t *testing.T) {
	known := []string{"output.kafka.hosts", "processors", "processors."}
	accepted := conf.MustNewConfigFrom(map[string]any{
		"output.kafka.hosts": []string{"a", "b"},
		"processors":         []any{map[string]any{"drop_event": nil, "add_fields": map[string]any{"a": 1}}},
	})
	require.NoError(t, unknownSettings(accepted, known))
	require.EqualError(t, unknownSettings(conf.MustNewConfigFrom(map[string]any{"output.kafka.hots": "a"}), known),
		"setting output.kafka.hots is not in the reference configuration")
}

func TestJSONExamples(t *testing.T) {
	_, pages := load(t)
	for _, block := range blocksIn(pages, "json", "ndjson") {
		t.Run(block.String(), func(t *testing.T) {
			texts := []string{block.text}
			if block.language() == "ndjson" {
				texts = strings.Split(strings.TrimSpace(block.text), "\n")
			}
			for _, text := range texts {
				var any any
				require.NoError(t, json.Unmarshal([]byte(text), &any))
			}
		})
	}
}

// The files that the pages offer parse as well.
func TestExampleFiles(t *testing.T) {
	root, _ := load(t)
	files, err := filepath.Glob(filepath.Join(root, "docs", "examples", "*json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		texts := []string{string(content)}
		if strings.HasSuffix(file, ".ndjson") {
			texts = strings.Split(strings.TrimSpace(string(content)), "\n")
		}
		for _, text := range texts {
			var any any
			require.NoError(t, json.Unmarshal([]byte(text), &any), file)
		}
	}
}

var requestLine = regexp.MustCompile(`^(GET|HEAD|POST|PUT|DELETE) +\S`)

func TestConsoleExamples(t *testing.T) {
	_, pages := load(t)
	for _, block := range blocksIn(pages, "console") {
		t.Run(block.String(), func(t *testing.T) {
			lines := strings.Split(strings.TrimSpace(block.text), "\n")
			require.Regexp(t, requestLine, lines[0])
			body := ""
			checkBody := func() {
				if strings.TrimSpace(body) != "" {
					var any any
					require.NoError(t, json.Unmarshal([]byte(body), &any), body)
				}
				body = ""
			}
			for _, line := range lines {
				if requestLine.MatchString(line) {
					checkBody()
					continue
				}
				if !strings.HasPrefix(line, "#") {
					body += line + "\n"
				}
			}
			checkBody()
		})
	}
}
