// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beater

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/paths"

	"github.com/threatqbeat/threatqbeat/config"
)

// What is a pattern in the name of path.config's directory is none.
func TestFilesOfInputsBelowAnyDirectory(t *testing.T) {
	names := []string{"plain", "a[b]c", "[", "]", "a{b}"}
	if runtime.GOOS != "windows" {
		names = append(names, "*", "?", `\`, `[\]`)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			home := filepath.Join(t.TempDir(), name)
			require.NoError(t, os.MkdirAll(filepath.Join(home, "inputs.d"), 0o700))
			const input = `
- type: threatq
  id: one
  url: https://threatq.example.com
  auth.oauth2: {client.id: a, client.secret: b}
  data_collection_id: c
`
			require.NoError(t, os.WriteFile(filepath.Join(home, "inputs.d", "one.yml"), []byte(input), 0o600))
			var cfg config.Beat
			for _, pattern := range []string{"inputs.d/*.yml", filepath.Join(config.PathPattern(home), "inputs.d", "o*.yml")} {
				cfg.Config.Inputs.Path = pattern
				inputs, err := newInputFiles(&cfg, nil, &paths.Path{Config: home}, logp.NewNopLogger()).read()
				require.NoError(t, err)
				require.Len(t, inputs, 1)
				assert.Equal(t, "one", inputs[0].ID)
			}
		})
	}
}
