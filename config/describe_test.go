// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	_ "github.com/elastic/beats/v7/libbeat/processors/actions"
	"github.com/elastic/elastic-agent-libs/config"
)

func TestDescribeShowsNoSecret(t *testing.T) {
	const secret = "never-to-be-shown"
	const pin = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	raw := config.MustNewConfigFrom(map[string]any{
		"type":                      "threatq",
		"id":                        "one",
		"url":                       "https://threatq.example.com",
		"data_collection_id":        "0123456789abcdef",
		"auth.oauth2.client.id":     "client",
		"auth.oauth2.client.secret": secret,
		"expired_statuses":          []string{"Expired", "Whitelisted"},
		"request": map[string]any{
			"timeout":       "5s",
			"proxy_url":     "http://user:" + secret + "@proxy.example.com:3128",
			"proxy_headers": map[string]any{"X-Key": secret},
			"ssl":           map[string]any{"verification_mode": "certificate", "ca_sha256": []string{pin}},
		},
		"processors": []any{map[string]any{"add_fields": map[string]any{"target": "", "fields": map[string]any{"a": secret}}}},
	})
	cfg, err := ReadInput(raw, nil)
	require.NoError(t, err)
	settings := cfg.Describe()
	text, err := json.Marshal(settings)
	require.NoError(t, err)
	assert.NotContains(t, string(text), secret)
	for name, want := range map[string]any{
		"id":                            "one",
		"url":                           "https://threatq.example.com",
		"auth.oauth2.client.id":         "client",
		"auth.oauth2.client.secret":     "(set)",
		"interval":                      "1m",
		"page_size":                     uint64(1000),
		"ioc_expiration_duration":       "90d",
		"expired_statuses":              []any{"Expired", "Whitelisted"},
		"request.timeout":               "5s",
		"request.proxy_url":             "http://proxy.example.com:3128",
		"request.proxy_headers":         []string{"X-Key"},
		"request.ssl.verification_mode": "certificate",
		"request.ssl.ca_sha256":         []any{pin},
		"processors":                    []any{[]string{"add_fields"}},
	} {
		assert.Equal(t, want, settings[name], name)
	}
}
