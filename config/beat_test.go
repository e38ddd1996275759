// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/config"
)

func TestReadBeat(t *testing.T) {
	cfg, err := ReadBeat(config.MustNewConfigFrom(`
inputs:
  - {type: threatq, id: a}
  - {type: threatq, id: b, enabled: false}
  - {type: threatq, id: c, enabled: true}
config.inputs: {path: inputs.d/*.yml, reload.enabled: true}
shutdown_timeout: 5s
registry.path: cursors
`))
	require.NoError(t, err)
	var ids []string
	for _, input := range cfg.Inputs {
		id, err := input.String("id", -1)
		require.NoError(t, err)
		ids = append(ids, id)
	}
	assert.Equal(t, []string{"a", "b", "c"}, ids)
	assert.True(t, cfg.ReadsFiles())
	assert.Equal(t, 5*time.Second, cfg.ShutdownTimeout)
	assert.Equal(t, Registry{Path: "cursors", FilePermissions: 0o600, CleanupInterval: 5 * time.Minute}, cfg.Registry)
}

func TestReadBeatNothing(t *testing.T) {
	cfg, err := ReadBeat(config.NewConfig())
	require.NoError(t, err)
	assert.Equal(t, Registry{Path: "registry", FilePermissions: 0o600, CleanupInterval: 5 * time.Minute}, cfg.Registry)
	assert.False(t, cfg.ReadsFiles())
}

func TestRefusals(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"negative timeout":     {"shutdown_timeout: -1s", "threatqbeat.shutdown_timeout is -1s"},
		"no registry":          {`registry.path: ""`, "threatqbeat.registry.path is empty"},
		"unreadable registry":  {"registry.file_permissions: 0200", "threatqbeat.registry.file_permissions is 0200"},
		"too eager cleaning":   {"registry.cleanup_interval: 1ms", "threatqbeat.registry.cleanup_interval is 1ms"},
		"a timeout that isn't": {"shutdown_timeout: soon", `threatqbeat.shutdown_timeout is "soon": it must be a duration such as 30s or 1m (0 or more)`},
		"inputs no list":       {"inputs: 5", "threatqbeat.inputs is no list"},
		"inputs without dash":  {"inputs: {type: threatq, id: a}", "threatqbeat.inputs is no list: each input begins with a dash"},
		"too eager reload":     {"config.inputs: {path: inputs.d/*.yml, reload: {enabled: true, period: 1ms}}", "threatqbeat.config.inputs.reload.period is 1ms: it must be a duration such as 30s or 1m (1s or more)"},
		"a period that isn't":  {"config.inputs: {path: inputs.d/*.yml, reload.period: often}", `threatqbeat.config.inputs.reload.period is "often": it must be a duration such as 30s or 1m (1s or more)`},
		"no files":             {"config.inputs.reload.enabled: true", "threatqbeat.config.inputs.path is missing"},
		"two at once":          {"{registry.file_permissions: 0200, registry.path: ''}", "such as registry; threatqbeat.registry.file_permissions is 0200"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			// In a file the section has a path, which stands in Libbeat's errors.
			file := config.MustNewConfigFrom(map[string]any{"threatqbeat": config.MustNewConfigFrom(tt.text)})
			section, err := file.Child("threatqbeat", -1)
			require.NoError(t, err)
			_, err = ReadBeat(section)
			require.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), "accessing")
		})
	}
}
