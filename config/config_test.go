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

func TestUnpack(t *testing.T) {
	cfg, err := Unpack(config.MustNewConfigFrom(`
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
	for _, input := range cfg.EnabledInputs() {
		id, err := input.String("id", -1)
		require.NoError(t, err)
		ids = append(ids, id)
	}
	assert.Equal(t, []string{"a", "c"}, ids)
	assert.True(t, cfg.ConfigInputs.Enabled())
	assert.Equal(t, 5*time.Second, cfg.ShutdownTimeout)
	assert.Equal(t, Registry{Path: "cursors", Permissions: 0o600, CleanInterval: 5 * time.Minute}, cfg.Registry)
}

func TestUnpackNothing(t *testing.T) {
	cfg, err := Unpack(config.NewConfig())
	require.NoError(t, err)
	assert.Equal(t, Default(), cfg)
	assert.False(t, cfg.ConfigInputs.Enabled())
}

func TestRefusals(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"negative timeout":     {"shutdown_timeout: -1s", "threatqbeat.shutdown_timeout is -1s"},
		"no registry":          {`registry.path: ""`, "threatqbeat.registry.path is empty"},
		"unreadable registry":  {"registry.file_permissions: 0200", "threatqbeat.registry.file_permissions is 0200"},
		"too eager cleaning":   {"registry.cleanup_interval: 1ms", "threatqbeat.registry.cleanup_interval is 1ms"},
		"a timeout that isn't": {"shutdown_timeout: soon", "shutdown_timeout"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Unpack(config.MustNewConfigFrom(tt.text))
			require.Error(t, err)
			assert.Contains(t, err.Error(), tt.want)
		})
	}
}
