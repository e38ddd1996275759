// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.yaml.in/yaml/v3"

	"github.com/elastic/elastic-agent-client/v7/pkg/client"

	"github.com/threatqbeat/threatqbeat/config"
)

func TestRedactConfig(t *testing.T) {
	const rendered = `
inputs:
  - type: threatq
    id: one
    url: https://user:never-seen@threatq.example.com/tq
    interval: 1m
    page_size: 100
    preserve_original_event: true
    tags: [forwarded, 1]
    auth: {oauth2: {client: {id: me, secret: never-seen}}}
    request:
      proxy_url: http://user:never-seen@proxy.example.com:3128
      proxy_headers: {X-Key: [never-seen, 1234567]}
      ssl: {certificate: cert.pem, key: never-seen, key_passphrase: 1234567, verification_mode: full}
    processors:
      - add_fields: {target: data_stream, fields: {dataset: ti_threatq.threat, note: never-seen}}
      - script: {source: never-seen}
outputs:
  elasticsearch:
    hosts: ["https://es.example.com:9200", "never-seen@kafka:9092"]
    api_key: id:never-seen
    password: 1234567
    ssl.key: never-seen
    headers: {Authorization: never-seen}
features: null
apm: {secret_token: never-seen, sampling: 0.5}
`
	shown := redactConfig([]byte(rendered))
	assert.NotContains(t, string(shown), "never-seen")
	assert.NotContains(t, string(shown), "1234567")
	var got map[string]any
	assert.NoError(t, yaml.Unmarshal(shown, &got))
	input := got["inputs"].([]any)[0].(map[string]any)
	assert.Equal(t, "https://threatq.example.com/tq", input["url"])
	assert.Equal(t, 100, input["page_size"])
	assert.Equal(t, true, input["preserve_original_event"])
	assert.Equal(t, []any{"forwarded", 1}, input["tags"])
	assert.Equal(t, map[string]any{"id": "me", "secret": "(set)"}, input["auth"].(map[string]any)["oauth2"].(map[string]any)["client"])
	assert.Equal(t, []any{"X-Key"}, input["request"].(map[string]any)["proxy_headers"])
	output := got["outputs"].(map[string]any)["elasticsearch"].(map[string]any)
	assert.Equal(t, []any{"https://es.example.com:9200", config.Redacted}, output["hosts"])
	assert.Equal(t, "(set)", output["api_key"])

	assert.NotContains(t, string(redactConfig([]byte("a: [never-seen"))), "never-seen")
}

type hooks struct {
	client.V2
	content map[string][]byte
}

func (h *hooks) RegisterDiagnosticHook(name, _, _, _ string, hook client.DiagnosticHook) {
	h.content[name] = hook()
}

func TestOnlyTheRenderedConfigurationIsRedacted(t *testing.T) {
	h := &hooks{content: map[string][]byte{}}
	c := redactingClient{h}
	for _, name := range []string{renderedConfigHook, "beat_metrics"} {
		c.RegisterDiagnosticHook(name, "", "", "", func() []byte { return []byte("secret: seen") })
	}
	assert.Equal(t, "secret: "+config.Redacted+"\n", string(h.content[renderedConfigHook]))
	assert.Equal(t, "secret: seen", string(h.content["beat_metrics"]))
}
