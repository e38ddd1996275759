// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/config"
)

const plainInput = `
type: threatq
id: a
url: https://threatq.example.com
auth.oauth2: {client.id: x, client.secret: never-shown}
data_collection_id: 0123456789abcdef
`

func TestReadInputDefaults(t *testing.T) {
	cfg, err := ReadInput(config.MustNewConfigFrom(plainInput), nil)
	require.NoError(t, err)
	assert.Equal(t, time.Minute, cfg.Interval)
	assert.Equal(t, 90*24*time.Hour, time.Duration(cfg.IOCExpirationDuration))
	assert.Equal(t, []string{"Expired"}, cfg.ExpiredStatuses)
	assert.Equal(t, "default", cfg.DataStream.Namespace)
	assert.False(t, cfg.PreserveOriginalEvent)
}

func TestReadInputListsReplaceTheDefault(t *testing.T) {
	for text, want := range map[string][]string{
		"[]":                     {},
		"[Whitelisted]":          {"Whitelisted"},
		"[Expired, Whitelisted]": {"Expired", "Whitelisted"},
	} {
		cfg, err := ReadInput(config.MustNewConfigFrom(plainInput+"expired_statuses: "+text), nil)
		require.NoError(t, err)
		assert.Equal(t, want, cfg.ExpiredStatuses, text)
	}
}

// However the address is written, the cursor stays the same.
func TestReadInputAddressHasOneForm(t *testing.T) {
	for _, url := range []string{"https://threatq.example.com", "https://threatq.example.com/", "https://threatq.example.com/api", "https://threatq.example.com/api/"} {
		text := strings.Replace(plainInput, "https://threatq.example.com", url, 1)
		cfg, err := ReadInput(config.MustNewConfigFrom(text), nil)
		require.NoError(t, err)
		assert.Equal(t, "https://threatq.example.com", cfg.URL, url)
	}
}

func TestReadInputRefusesValues(t *testing.T) {
	tests := map[string]struct {
		settings string
		want     []string
	}{
		"interval":            {"interval: 10ms", []string{`input "a"`, "interval is 10ms", "1s"}},
		"empty status":        {`expired_statuses: [Expired, " "]`, []string{"expired_statuses.1"}},
		"namespace case":      {"data_stream.namespace: Prod", []string{`data_stream.namespace is "Prod"`}},
		"namespace character": {"data_stream.namespace: a*b", []string{`data_stream.namespace is "a*b"`}},
		"namespace blank":     {`data_stream.namespace: "a\tb"`, []string{`data_stream.namespace is "a\tb"`}},
		"namespace empty":     {`data_stream.namespace: ""`, []string{"data_stream.namespace is empty"}},
		"namespace length":    {"data_stream.namespace: " + strings.Repeat("a", 101), []string{"data_stream.namespace is 101 bytes long"}},
		"several at once":     {"interval: 0s\ndata_stream.namespace: A", []string{"interval is 0s", `data_stream.namespace is "A"`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ReadInput(config.MustNewConfigFrom(plainInput+tt.settings), nil)
			require.Error(t, err)
			for _, want := range tt.want {
				assert.Contains(t, err.Error(), want)
			}
			assert.NotContains(t, err.Error(), "\n")
			assert.NotContains(t, err.Error(), "never-shown")
		})
	}
}
