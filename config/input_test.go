// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"
)

func TestReadInput(t *testing.T) {
	raw, err := config.NewConfigWithYAML([]byte(`
type: threatq
id: a
url: https://threatq.example.com/
auth.oauth2:
  client.id: api-client
  client.secret: 12345678
  token_url: https://sso.example.com/token
data_collection_id: 0123456789abcdef
page_size: 500
fields_param: "*"
request:
  timeout: 45s
  proxy_url: http://user:hunter22@proxy.example.com:3128
  proxy_headers: {X-Team: soc}
  ssl.verification_mode: certificate
  ssl.supported_protocols: [TLSv1.3]
  retry: {max_attempts: 7, wait_min: 2s, wait_max: 90s}
  rate_limit: {limit: 0.5, burst: 2}
  max_body_size: 64MiB
  tracer: {enabled: true, filename: trace.ndjson, maxsize: 2, maxbackups: 3}
  allow_insecure_http: true
`), "test")
	require.NoError(t, err)

	cfg, err := ReadInput(raw, nil)
	require.NoError(t, err)

	assert.Equal(t, "https://threatq.example.com", cfg.URL)
	assert.Equal(t, "api-client", cfg.Auth.OAuth2.Client.ID)
	assert.Equal(t, "12345678", cfg.Auth.OAuth2.Client.Secret.Reveal())
	assert.Equal(t, "https://sso.example.com/token", cfg.Auth.OAuth2.TokenURL)
	assert.Equal(t, "0123456789abcdef", cfg.DataCollectionID)
	assert.Equal(t, 500, cfg.PageSize)
	assert.Equal(t, "*", cfg.FieldsParam)
	r := cfg.Request
	assert.Equal(t, 45*time.Second, r.Timeout)
	assert.Equal(t, "http://user:hunter22@proxy.example.com:3128", r.ProxyURL.Reveal())
	assert.Equal(t, "soc", r.ProxyHeaders["X-Team"].Reveal())
	assert.Equal(t, []tlscommon.TLSVersion{tlscommon.TLSVersion13}, r.SSL.Settings().Versions)
	assert.Equal(t, RequestRetry{MaxAttempts: 7, WaitMin: 2 * time.Second, WaitMax: 90 * time.Second}, r.Retry)
	assert.Equal(t, RequestRateLimit{Limit: 0.5, Burst: 2}, r.RateLimit)
	assert.Equal(t, ByteSize(64<<20), r.MaxBodySize)
	assert.Equal(t, RequestTracer{Enabled: true, Filename: "trace.ndjson", Maxsize: 2, Maxbackups: 3}, r.Tracer)
	assert.True(t, r.AllowInsecureHTTP)
}

func TestReadInputRefusals(t *testing.T) {
	const example = ", set it to an address such as https://threatq.example.com"
	const insecure = ": over http:// the credentials would cross the network in the clear; use https://, or set request.allow_insecure_http: true if the network is trusted"
	const proxy = ", set it to an address such as http://proxy.example.com:3128"
	type set = map[string]any
	tests := map[string]struct {
		set  set
		want string
	}{
		"fine":                    {nil, ""},
		"url missing":             {set{"url": ""}, "url is missing: it must be the address of the appliance, such as https://threatq.example.com"},
		"url without scheme":      {set{"url": "threatq.example.com"}, `url is "threatq.example.com", which doesn't begin with https://` + example},
		"url with host and port":  {set{"url": "192.0.2.1:443"}, `url can't be read (first path segment in URL cannot contain colon)` + example},
		"url of another scheme":   {set{"url": "ftp://threatq.example.com"}, `url is "ftp://threatq.example.com", which doesn't begin with https://` + example},
		"url without host":        {set{"url": "https:///api"}, `url is "https:///api", which names no host` + example},
		"url with password":       {set{"url": "https://me:hunter22@threatq.example.com"}, "url holds a user name or a password, which don't belong there: credentials go to auth.oauth2.client"},
		"url with bad password":   {set{"url": "https://me:hunter%zz22@threatq.example.com"}, "url can't be read (invalid URL escape)" + example},
		"url with odd password":   {set{"url": "https://me:hun/ter22@threatq.example.com"}, "url can't be read (invalid port)" + example},
		"url with query":          {set{"url": "https://threatq.example.com?key=hunter22"}, "url holds a '?' or a '#', set it to an address without, such as https://threatq.example.com"},
		"url with fragment":       {set{"url": "https://threatq.example.com/#/threat-library"}, "url holds a '?' or a '#', set it to an address without, such as https://threatq.example.com"},
		"http":                    {set{"url": "http://threatq.example.com"}, `url is "http://threatq.example.com"` + insecure},
		"http permitted":          {set{"url": "http://threatq.example.com", "request.allow_insecure_http": true}, ""},
		"http to localhost":       {set{"url": "http://localhost:8080"}, ""},
		"http to 127.0.0.2":       {set{"url": "http://127.0.0.2"}, ""},
		"http to ::1":             {set{"url": "http://[::1]:8080"}, ""},
		"http to localhost's kin": {set{"url": "http://localhost.example.com"}, `url is "http://localhost.example.com"` + insecure},
		"http to localhost of a proxy": {set{"url": "http://localhost", "request.proxy_url": "http://proxy.example.com:3128"},
			`url is "http://localhost": through request.proxy_url the credentials would cross the network in the clear; use https://, or set request.allow_insecure_http: true if the network is trusted`},
		"no id":                      {set{"auth.oauth2.client.id": ""}, "auth.oauth2.client.id is missing: it must be the id of an API client of ThreatQ"},
		"no secret":                  {set{"auth.oauth2.client.secret": ""}, "auth.oauth2.client.secret is missing: it must be the secret of an API client of ThreatQ, best from the keystore or the environment"},
		"secret with a line break":   {set{"auth.oauth2.client.secret": "hunter22\n"}, "auth.oauth2.client.secret holds control characters, perhaps a line break from a file"},
		"token_url http":             {set{"auth.oauth2.token_url": "http://sso.example.com/t"}, `auth.oauth2.token_url is "http://sso.example.com/t"` + insecure},
		"token_url with password":    {set{"auth.oauth2.token_url": "https://a:hunter22@sso.example.com/t"}, "auth.oauth2.token_url holds a user name or a password, which don't belong there: credentials go to auth.oauth2.client"},
		"no collection":              {set{"data_collection_id": ""}, "data_collection_id is missing: it must be the hash of a data collection, such as 0123456789abcdef"},
		"collection with a path":     {set{"data_collection_id": "../users"}, `data_collection_id is "../users", which can't be the hash of a data collection: letters, digits, '-', '_' and '.' only; put it in quotes when it is made of digits`},
		"collection as a number":     {set{"data_collection_id": 1.2345e+25}, `data_collection_id is "1.2345e+25", which can't be the hash of a data collection: letters, digits, '-', '_' and '.' only; put it in quotes when it is made of digits`},
		"fields with a line break":   {set{"fields_param": "a\nb"}, `fields_param is "a\nb", set it to a list such as "*,sources,attributes,attributes.name,attributes.value"`},
		"proxy of another scheme":    {set{"request.proxy_url": "ftp://u:hunter22@proxy.example.com"}, "request.proxy_url doesn't begin with http://, https:// or socks5://" + proxy},
		"proxy that can be read":     {set{"request.proxy_url": "http://u:hunter%22@proxy.example.com"}, ""},
		"proxy with a bad password":  {set{"request.proxy_url": "http://u:hunter%zz22@proxy.example.com"}, "request.proxy_url can't be read (invalid URL escape)" + proxy},
		"proxy without host":         {set{"request.proxy_url": "http://"}, "request.proxy_url names no host" + proxy},
		"waits the wrong way around": {set{"request.retry.wait_max": "1us"}, "request.retry.wait_max is 1µs, set it to a duration from request.retry.wait_min (1s) to 1h"},
		"old TLS":                    {set{"request.ssl.supported_protocols": []string{"TLSv1.1", "TLSv1.2"}}, "request.ssl.supported_protocols holds TLSv1.1, which is not secure: TLSv1.2 and TLSv1.3 can be used"},
		"missing CA":                 {set{"request.ssl.certificate_authorities": []string{"/nowhere/ca.pem"}}, "request.ssl can't be used: open /nowhere/ca.pem: no such file or directory"},
		"several": {set{"url": "", "page_size": 0, "request.retry.max_attempts": 1000, "data_stream.namespace": "A"},
			"page_size is 0: it must be a whole number (1 to 10000); request.retry.max_attempts is 1000: it must be a whole number (1 to 100); " +
				"url is missing: it must be the address of the appliance, such as https://threatq.example.com; " +
				"data_stream.namespace is \"A\": it must be in lower case and free of \\/*?\"<>|,#:, spaces and control characters, such as default"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			raw := config.MustNewConfigFrom(plainInput)
			require.NoError(t, raw.Merge(test.set))
			_, err := ReadInput(raw, nil)
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, `input "a": `+test.want)
			assert.NotContains(t, err.Error(), "hunter")
		})
	}
}

// holder has its configuration in a private field, where fmt calls no methods.
type holder struct {
	cfg     Input
	secret  Secret
	pointer *Input
}

func TestConfigNeverPrintsSecrets(t *testing.T) {
	read, err := ReadInput(config.MustNewConfigFrom(plainInput), nil)
	require.NoError(t, err)
	cfg := *read
	cfg.Auth.OAuth2.Client.Secret = NewSecret("hunter22")
	cfg.Request.ProxyURL = NewProxyURL("http://me:hunter22@proxy.example.com:3128")
	cfg.Request.ProxyHeaders = map[string]Secret{"X-Key": NewSecret("hunter22")}
	cfg.Request.SSL = NewSSL(&tlscommon.Config{Certificate: tlscommon.CertificateConfig{Passphrase: "hunter22"}})

	var out strings.Builder
	for _, value := range []any{cfg, &cfg, cfg.Auth, cfg.Request, &cfg.Request, cfg.Auth.OAuth2.Client.Secret, cfg.Request.ProxyURL,
		holder{cfg, cfg.Auth.OAuth2.Client.Secret, &cfg}, []any{cfg}, map[string]any{"a": cfg}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
		text, err := json.Marshal(value)
		require.NoError(t, err)
		out.Write(text)
		text, err = yaml.Marshal(value)
		require.NoError(t, err)
		out.Write(text)
	}
	for _, line := range strings.Split(out.String(), "\n") {
		assert.NotContains(t, line, "hunter22")
		assert.NotContains(t, line, fmt.Sprintf("%x", "hunter22"))
	}
	assert.True(t, strings.Contains(out.String(), "http://proxy.example.com:3128"), "the rest of the proxy's address is shown")
}
