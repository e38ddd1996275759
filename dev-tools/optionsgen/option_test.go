// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// newOptions are the definitions of two options that threatqbeat doesn't have. One is
// not said to be harmless.
const newOptions = `
      - name: request.pause
        type: duration
        default: 5s
        min: 1s
        max: 1m
        description: |
          Time to think between two requests.
        fleet:
          title: Pause
      - name: request.magic_words
        type: string
        description: |
          Words that open the appliance.
        fleet:
          title: Magic words
`

// Defining an option is all that it takes: everything else follows without another
// edit, from the struct that the code uses to what diagnostics show.
func TestAddingAnOption(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles")
	}
	dir := t.TempDir()
	top, err := filepath.Abs(root)
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(filepath.Join(dir, "_meta"), os.DirFS(filepath.Join(root, "_meta"))))
	for _, name := range []string{"docs", "config"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	defined := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		require.NoError(t, err)
		return string(text)
	}

	definitions, err := os.ReadFile(filepath.Join(root, "config", "input.yml"))
	require.NoError(t, err)
	before := "      - name: request.proxy_url\n"
	require.Contains(t, string(definitions), before)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config", "input.yml"),
		[]byte(strings.Replace(string(definitions), before, strings.TrimPrefix(newOptions, "\n")+before, 1)), 0o600))
	run := func(replaced []string, args ...string) string {
		overlay := map[string]map[string]string{"Replace": {}}
		for _, name := range replaced {
			overlay["Replace"][filepath.Join(top, name)] = filepath.Join(dir, name)
		}
		text, err := json.Marshal(overlay)
		require.NoError(t, err)
		file := filepath.Join(dir, "overlay.json")
		require.NoError(t, os.WriteFile(file, text, 0o600))
		cmd := exec.Command("go", append([]string{"run", "-overlay", file}, args...)...)
		cmd.Dir = top
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", output)
		return string(output)
	}
	run([]string{"config/input.yml"}, "./dev-tools/optionsgen", "-root", dir)

	for file, want := range map[string]string{
		"config/settings_generated.go": "MagicWords Secret `config:\"magic_words\"`",
		"threatqbeat.reference.yml":    "#request.pause: 5s\n",
		"docs/configuration.md":        "#### `request.magic_words`\n\nWords that open the appliance.\n\nType: string · default: not set · secret\n",
		"docs/threatqbeat.schema.json": `"input.request.pause": {`,
		"_meta/fleet/data_stream/threat/manifest.yml": "      - name: request_magic_words\n        type: password\n        title: Magic words\n" +
			"        description: Words that open the appliance.\n        required: false\n        secret: true\n",
		"_meta/fleet/data_stream/threat/agent/stream/stream.yml.hbs": "{{#if request_pause}}\nrequest.pause: {{escape_string request_pause}}\n{{/if}}\n",
	} {
		require.Contains(t, defined(file), want, file)
	}

	const input = `{type: threatq, id: a, url: "https://threatq.example.com", data_collection_id: "0123", auth.oauth2.client: {id: x, secret: y}, `
	output := run([]string{"config/input.yml", "config/settings_generated.go"}, "./dev-tools/optionsgen/testdata/option",
		input+"}", input+"request: {pause: 9s, magic_words: sesame}}", input+"request.pause: 2m}", input+"request.pasue: 2s}")
	require.Equal(t, []string{
		`5s  {"pause":"5s","words":null} null`,
		`9s xxxxx {"pause":"9s","words":"(set)"} {"magic_words":"(set)","pause":"9s"}`,
		`input "a": request.pause is 2m: it must be a duration such as 30s or 1m (1s to 1m)`,
		`unknown setting "request.pasue" in input "a": did you mean "request.pause"?`,
	}, strings.Split(strings.TrimSpace(output), "\n"))
}
