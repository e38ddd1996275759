// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/elastic/elastic-agent-libs/config"

	settings "github.com/threatqbeat/threatqbeat/config"
)

const root = "../.."

func TestGeneratedFilesAreCurrent(t *testing.T) {
	files, err := generate(root)
	require.NoError(t, err)
	for name, content := range files {
		current, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		require.NoError(t, err)
		require.Equal(t, string(content), string(current), "%s is not up to date: run go generate ./config", name)
	}
}

// loadSample loads one of the sample configurations the way Libbeat does, with
// the variables that it needs.
func loadSample(t *testing.T, name string) *config.C {
	t.Helper()
	t.Setenv("THREATQ_URL", "https://threatq.example.com")
	t.Setenv("THREATQ_CLIENT_ID", "id")
	t.Setenv("THREATQ_CLIENT_SECRET", "secret")
	t.Setenv("THREATQ_DATA_COLLECTION_ID", "0123456789abcdef")
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	cfg, err := config.NewConfigWithYAML(text, name)
	require.NoError(t, err)
	return cfg
}

func TestSamplesAgree(t *testing.T) {
	read := func(name string) map[string]any {
		var all map[string]any
		require.NoError(t, loadSample(t, name).Unpack(&all))
		return all
	}
	short, reference := read("threatqbeat.yml"), read("threatqbeat.reference.yml")
	require.Equal(t, short, reference, "what is not commented out is the same in both")
	require.Equal(t, map[string]any{
		"hosts":   "http://localhost:9200",
		"api_key": "",
		"preset":  "balanced",
	}, short["output"].(map[string]any)["elasticsearch"])
}

// inactive matches the start of a setting that is commented out: a blank follows the sign of
// a comment only.
var inactive = regexp.MustCompile(`(?m)^( *)#([a-z]|  )`)

// everythingActive returns the reference configuration with every setting active, so
// that what stands behind a # is known to be right too.
func everythingActive(t *testing.T) string {
	t.Helper()
	text, err := execute(root, "_meta/threatqbeat.reference.yml.tmpl")
	require.NoError(t, err)
	return inactive.ReplaceAllString(string(text), "$1$2")
}

func allShown(t *testing.T) map[string]any {
	t.Helper()
	var all map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(everythingActive(t)), &all), "the reference configuration with every setting active")
	return all
}

func TestReferenceShowsEverySetting(t *testing.T) {
	all := allShown(t)
	require.Contains(t, all, "output.kafka")
	inputs := all["threatqbeat.inputs"].([]any)
	require.Len(t, inputs, 1)
	input := inputs[0].(map[string]any)
	for _, name := range inputNames() {
		require.Contains(t, input, name)
	}
}

func TestLinesFitTheScreen(t *testing.T) {
	for _, name := range []string{"threatqbeat.yml", "threatqbeat.reference.yml"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		for i, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(strings.TrimLeft(line, " "), "# ") && !strings.Contains(line, "://") {
				require.LessOrEqual(t, len(line), 88, "%s:%d", name, i+1)
			}
			require.Equal(t, strings.TrimRight(line, " "), line, "%s:%d ends in a space", name, i+1)
		}
	}
}

// Fleet asks for everything that an input needs. It sets the type and the id itself.
func TestFleetAsksForWhatIsRequired(t *testing.T) {
	asked := map[string]bool{"type": true, "id": true}
	for _, v := range fleetVariablesOf(settings.InputSettings()) {
		asked[v.Setting] = true
	}
	for _, option := range settings.InputSettings().All() {
		require.True(t, !option.Required || asked[option.Name], option.Name)
	}
}
