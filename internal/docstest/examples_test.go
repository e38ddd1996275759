// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package docstest

import (
	"encoding/json"
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
			requireConfiguration(t, cfg)
		})
	}
}

// requireConfiguration accepts a threatqbeat.yml, or a part of one.
func requireConfiguration(t *testing.T, cfg *conf.C) {
	t.Helper()
	require.NoError(t, config.CheckSettings(cfg))
	section, err := cfg.Child("threatqbeat", -1)
	if err != nil {
		return
	}
	beat, err := config.ReadBeat(section)
	require.NoError(t, err)
	requireInputs(t, beat.Inputs)
}

func requireInputs(t *testing.T, inputs []*conf.C) {
	t.Helper()
	ids := map[string]bool{}
	for _, input := range inputs {
		unpacked, err := config.ReadInput(input, nil)
		require.NoError(t, err)
		require.False(t, ids[unpacked.ID], "two inputs with the id %s", unpacked.ID)
		ids[unpacked.ID] = true
	}
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
