// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package fleetpackage_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	_ "github.com/elastic/beats/v7/libbeat/processors/actions"
	conf "github.com/elastic/elastic-agent-libs/config"

	"github.com/threatqbeat/threatqbeat/config"
)

// The input accepts what the template of the stream gives (module validate writes these files), and
// the standalone policy of the documentation.
func TestStreamsAreAccepted(t *testing.T) {
	streams := map[string]map[string]any{"policy in the documentation": documentedStream(t)}
	for _, name := range []string{"stream_defaults.yml", "stream_all.yml"} {
		var stream map[string]any
		readYAML(t, filepath.Join("testdata", name), &stream)
		streams[name] = stream
	}
	unpacked := map[string]config.Input{}
	for name, stream := range streams {
		t.Run(name, func(t *testing.T) {
			// What Agent and Libbeat add.
			stream["type"] = config.InputType
			stream["id"] = "threatq-1"
			cfg, err := conf.NewConfigFrom(stream)
			require.NoError(t, err)
			in, err := config.ReadInput(cfg, nil)
			require.NoError(t, err)
			unpacked[name] = *in
		})
	}

	defaults := config.DefaultInput()
	got := unpacked["stream_defaults.yml"]
	assert.Equal(t, defaults.Interval, got.Interval)
	assert.Equal(t, defaults.IOCExpirationDuration, got.IOCExpirationDuration)
	assert.Equal(t, defaults.ExpiredStatuses, got.ExpiredStatuses)
	assert.Equal(t, defaults.PageSize, got.PageSize)
	assert.Equal(t, defaults.FieldsParam, got.FieldsParam)

	all := unpacked["stream_all.yml"]
	assert.Equal(t, 5*time.Minute, all.Interval)
	assert.Equal(t, 30*24*time.Hour, time.Duration(all.IOCExpirationDuration))
	assert.Equal(t, []string{"Expired", "Whitelisted"}, all.ExpiredStatuses)
	assert.True(t, all.PreserveOriginalEvent)
	assert.Equal(t, 500, all.PageSize)
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(content, into))
}
