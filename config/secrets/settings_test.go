// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	conf "github.com/elastic/elastic-agent-libs/config"

	"github.com/threatqbeat/threatqbeat/config"
)

// sample has a canary in each setting that can hold a secret, and plain- where
// there is none.
const sample = `
name: plain-name
threatqbeat.inputs:
  - type: threatq
    id: plain-id
    url: https://plain.example.com
    auth.oauth2: {client.id: plain-client, client.secret: canary-01}
    request:
      proxy_url: http://plain-user:canary-02@plain-proxy.example.com
      proxy_headers: {X-Whatever: canary-03}
      ssl: {key_passphrase: canary-04, key: /etc/plain.key}
    processors: [{something: {api_key: canary-05, target: plain-target, url: "https://canary-06@plain.example.com/?token=canary-07"}}]
output.elasticsearch:
  hosts: ["https://plain-a:canary-08@plain.example.com:9200", "https://plain.example.com"]
  api_key: key-id:canary-09
  username: plain-user
  password: canary-10
  headers: {Authorization: Bearer canary-11, X-Pass: canary-12}
  proxy_url: http://plain-user:canary%2B13@plain-proxy.example.com:bad
  kerberos.password: canary-14
output.kafka:
  password: canary-15
  headers: [{key: plain-header, value: canary-16}]
  key: "%{[plain]}"
output.redis: {hosts: ["redis://:canary-17@plain.example.com:6379"], password: canary-18, proxy_url: "socks5://me:canary-19@plain"}
cloud.auth: user:canary-20
auth.plain: plain-method
setup.kibana: {password: canary-21, api_key: "id:canary-22", headers: {Cookie: canary-23}}
monitoring.elasticsearch: {password: canary-24, api_key: "id:canary-25"}
instrumentation: {api_key: canary-26, secret_token: canary-27}
unknown: {some_token: canary-28, token_url: https://plain.example.com, token_format: plain-format}
output.logstash: {proxy_url: "plain-user:canary-30@plain-host:1080", ssl.key_passphrase: {a: canary-31}}
output.logstash.ssl.key: |
  -----BEGIN PRIVATE KEY-----
  canary-29
  -----END PRIVATE KEY-----
`

func TestLearnSettings(t *testing.T) {
	cfg, err := conf.NewConfigWithYAML([]byte(sample), "sample")
	require.NoError(t, err)
	LearnConfig(cfg)

	hidden := Hide(strings.ReplaceAll(sample, "\n  canary-29\n  ", "\ncanary-29\n"))
	assert.NotContains(t, hidden, "canary")
	assert.Equal(t, strings.Count(sample, "plain"), strings.Count(hidden, "plain"), "what is no secret stays:\n%s", hidden)
}

func TestHideConfig(t *testing.T) {
	cfg, err := conf.NewConfigWithYAML([]byte(sample), "sample")
	require.NoError(t, err)
	require.NoError(t, cfg.SetString("output.kafka.password", -1, "${A_VARIABLE}"))
	var settings map[string]any
	require.NoError(t, cfg.Unpack(&settings))

	shown := HideConfig(settings)
	text := flatten(shown)
	assert.NotContains(t, text, "canary")
	assert.Contains(t, text, "output.kafka.password=${A_VARIABLE}\n")
	assert.Contains(t, text, "output.elasticsearch.password="+config.Redacted+"\n")
	assert.Contains(t, text, "threatqbeat.inputs.0.request.proxy_url=http://plain-user:"+config.Redacted+"@plain-proxy.example.com\n")
	assert.Contains(t, text, "output.kafka.headers.0.key=plain-header\n")
}

func flatten(settings any) string {
	var text strings.Builder
	visit("", settings, func(name string, value any) any {
		if s, ok := value.(string); ok {
			text.WriteString(name + "=" + s + "\n")
		}
		return value
	})
	return text.String()
}

// Each setting that is a secret by its definition is one by its name.
func TestSettingsDefinedAsSecrets(t *testing.T) {
	found := 0
	for _, scope := range []*config.Scope{config.InputSettings(), config.BeatSettings(), config.LibbeatSettings()} {
		for _, option := range scope.All() {
			if !option.Secret() || option.Free() || strings.HasSuffix(option.Name, "ssl.key") || strings.HasSuffix(option.Name, "proxy_url") {
				continue
			}
			found++
			assert.True(t, isSecret(option.Name), option.Name)
		}
	}
	assert.Greater(t, found, 10)
	assert.True(t, isSecret("threatqbeat.inputs.3.auth.oauth2.client.secret"))
}
