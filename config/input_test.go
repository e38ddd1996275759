// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"
)

// testInput returns an input that could run.
func testInput() Input {
	in := DefaultInput()
	in.ID = "a"
	in.URL = "https://threatq.example.com"
	in.Auth.OAuth2.Client = AuthOAuth2Client{ID: "api-client", Secret: NewSecret("s3cret")}
	in.DataCollectionID = "0123456789abcdef"
	in.Request.Retry = RequestRetry{MaxAttempts: 3, WaitMin: time.Millisecond, WaitMax: 2 * time.Millisecond}
	return in
}

func TestConfigUnpack(t *testing.T) {
	raw, err := config.NewConfigWithYAML([]byte(`
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

	cfg := DefaultInput()
	require.NoError(t, raw.Unpack(&cfg))

	assert.Equal(t, "https://threatq.example.com/", cfg.URL)
	assert.Equal(t, "api-client", cfg.Auth.OAuth2.Client.ID)
	assert.Equal(t, "12345678", cfg.Auth.OAuth2.Client.Secret.Reveal())
	assert.Equal(t, "https://sso.example.com/token", cfg.Auth.OAuth2.TokenURL)
	assert.Equal(t, "0123456789abcdef", cfg.DataCollectionID)
	assert.Equal(t, 500, cfg.PageSize)
	assert.Equal(t, "*", cfg.FieldsParam)
	r := cfg.Request
	assert.Equal(t, 45*time.Second, r.Timeout)
	assert.Equal(t, "http://user:hunter22@proxy.example.com:3128", r.ProxyURL.secret.Reveal())
	assert.Equal(t, "soc", r.ProxyHeaders["X-Team"].Reveal())
	assert.Equal(t, []tlscommon.TLSVersion{tlscommon.TLSVersion13}, r.SSL.Settings().Versions)
	assert.Equal(t, RequestRetry{MaxAttempts: 7, WaitMin: 2 * time.Second, WaitMax: 90 * time.Second}, r.Retry)
	assert.Equal(t, RequestRateLimit{Limit: 0.5, Burst: 2}, r.RateLimit)
	assert.Equal(t, ByteSize(64<<20), r.MaxBodySize)
	assert.Equal(t, RequestTracer{Enabled: true, Filename: "trace.ndjson", Maxsize: 2, Maxbackups: 3}, r.Tracer)
	assert.True(t, r.AllowInsecureHTTP)
}

func TestConfigDefaults(t *testing.T) {
	cfg := DefaultInput()
	cfg.ID = "a"
	cfg.URL = "https://threatq.example.com"
	cfg.Auth.OAuth2.Client = AuthOAuth2Client{ID: "api-client", Secret: NewSecret("s3cret")}
	cfg.DataCollectionID = "0123456789abcdef"
	require.NoError(t, cfg.Validate())
	assert.Equal(t, 1000, cfg.PageSize)
	assert.Equal(t, "*,sources,attributes,attributes.name,attributes.value", cfg.FieldsParam)
	assert.Equal(t, 30*time.Second, cfg.Request.Timeout)
	assert.Equal(t, RequestRetry{MaxAttempts: 5, WaitMin: time.Second, WaitMax: time.Minute}, cfg.Request.Retry)
	assert.Equal(t, ByteSize(256<<20), cfg.Request.MaxBodySize)
	assert.False(t, cfg.Request.Tracer.Enabled)
}

func TestConfigRefusals(t *testing.T) {
	tests := map[string]struct {
		set  func(*Input)
		want string // the whole error, "" for none
	}{
		"fine":                    {func(*Input) {}, ""},
		"url missing":             {func(c *Input) { c.URL = "" }, "url is missing, set it to the address of the appliance, such as https://threatq.example.com"},
		"url without scheme":      {func(c *Input) { c.URL = "threatq.example.com" }, `url is "threatq.example.com", which doesn't begin with https://, set it to an address such as https://threatq.example.com`},
		"url with host and port":  {func(c *Input) { c.URL = "192.0.2.1:443" }, `url can't be read (first path segment in URL cannot contain colon), set it to an address such as https://threatq.example.com`},
		"url of another scheme":   {func(c *Input) { c.URL = "ftp://threatq.example.com" }, `url is "ftp://threatq.example.com", which doesn't begin with https://, set it to an address such as https://threatq.example.com`},
		"url without host":        {func(c *Input) { c.URL = "https:///api" }, `url is "https:///api", which names no host, set it to an address such as https://threatq.example.com`},
		"url with password":       {func(c *Input) { c.URL = "https://me:hunter22@threatq.example.com" }, "url holds a user name or a password, which don't belong there: credentials go to auth.oauth2.client"},
		"url with bad password":   {func(c *Input) { c.URL = "https://me:hunter%zz22@threatq.example.com" }, "url can't be read (invalid URL escape), set it to an address such as https://threatq.example.com"},
		"url with odd password":   {func(c *Input) { c.URL = "https://me:hun/ter22@threatq.example.com" }, "url can't be read (invalid port), set it to an address such as https://threatq.example.com"},
		"url with query":          {func(c *Input) { c.URL = "https://threatq.example.com?key=hunter22" }, "url holds a '?' or a '#', set it to an address without, such as https://threatq.example.com"},
		"url with fragment":       {func(c *Input) { c.URL = "https://threatq.example.com/#/threat-library" }, "url holds a '?' or a '#', set it to an address without, such as https://threatq.example.com"},
		"http":                    {func(c *Input) { c.URL = "http://threatq.example.com" }, `url is "http://threatq.example.com": over http:// the credentials would cross the network in the clear; use https://, or set request.allow_insecure_http: true if the network is trusted`},
		"http permitted":          {func(c *Input) { c.URL = "http://threatq.example.com"; c.Request.AllowInsecureHTTP = true }, ""},
		"http to localhost":       {func(c *Input) { c.URL = "http://localhost:8080" }, ""},
		"http to 127.0.0.2":       {func(c *Input) { c.URL = "http://127.0.0.2" }, ""},
		"http to ::1":             {func(c *Input) { c.URL = "http://[::1]:8080" }, ""},
		"http to localhost's kin": {func(c *Input) { c.URL = "http://localhost.example.com" }, `url is "http://localhost.example.com": over http:// the credentials would cross the network in the clear; use https://, or set request.allow_insecure_http: true if the network is trusted`},
		"http to localhost of a proxy": {func(c *Input) {
			c.URL = "http://localhost"
			c.Request.ProxyURL = NewProxyURL("http://proxy.example.com:3128")
		}, `url is "http://localhost": through request.proxy_url the credentials would cross the network in the clear; use https://, or set request.allow_insecure_http: true if the network is trusted`},
		"no id":                      {func(c *Input) { c.Auth.OAuth2.Client.ID = "" }, "auth.oauth2.client.id is missing, set it to the id of an API client of ThreatQ"},
		"no secret":                  {func(c *Input) { c.Auth.OAuth2.Client.Secret = Secret{} }, "auth.oauth2.client.secret is missing, set it to the secret of an API client of ThreatQ, best from the keystore or the environment"},
		"secret with a line break":   {func(c *Input) { c.Auth.OAuth2.Client.Secret = NewSecret("hunter22\n") }, "auth.oauth2.client.secret holds control characters, perhaps a line break from a file"},
		"token_url http":             {func(c *Input) { c.Auth.OAuth2.TokenURL = "http://sso.example.com/t" }, `auth.oauth2.token_url is "http://sso.example.com/t": over http:// the credentials would cross the network in the clear; use https://, or set request.allow_insecure_http: true if the network is trusted`},
		"token_url with password":    {func(c *Input) { c.Auth.OAuth2.TokenURL = "https://a:hunter22@sso.example.com/t" }, "auth.oauth2.token_url holds a user name or a password, which don't belong there: credentials go to auth.oauth2.client"},
		"no collection":              {func(c *Input) { c.DataCollectionID = "" }, "data_collection_id is missing, set it to the hash of a data collection, such as 0123456789abcdef"},
		"collection with a path":     {func(c *Input) { c.DataCollectionID = "../users" }, `data_collection_id is "../users", which can't be the hash of a data collection: letters, digits, '-', '_' and '.' only; put it in quotes when it is made of digits`},
		"collection as a number":     {func(c *Input) { c.DataCollectionID = "1.2345e+25" }, `data_collection_id is "1.2345e+25", which can't be the hash of a data collection: letters, digits, '-', '_' and '.' only; put it in quotes when it is made of digits`},
		"page size zero":             {func(c *Input) { c.PageSize = 0 }, "page_size is 0, set it to a number from 1 to 10000"},
		"page size large":            {func(c *Input) { c.PageSize = 10001 }, "page_size is 10001, set it to a number from 1 to 10000"},
		"fields with a line break":   {func(c *Input) { c.FieldsParam = "a\nb" }, `fields_param is "a\nb", set it to a list such as "*,sources,attributes,attributes.name,attributes.value"`},
		"no timeout":                 {func(c *Input) { c.Request.Timeout = 0 }, "request.timeout is 0s, set it to a duration above 0 and up to 1h, such as 30s"},
		"proxy of another scheme":    {func(c *Input) { c.Request.ProxyURL = NewProxyURL("ftp://u:hunter22@proxy.example.com") }, "request.proxy_url doesn't begin with http://, https:// or socks5://, set it to an address such as http://proxy.example.com:3128"},
		"proxy that can't be read":   {func(c *Input) { c.Request.ProxyURL = NewProxyURL("http://u:hunter%22@proxy.example.com") }, ""},
		"proxy with a bad password":  {func(c *Input) { c.Request.ProxyURL = NewProxyURL("http://u:hunter%zz22@proxy.example.com") }, "request.proxy_url can't be read (invalid URL escape), set it to an address such as http://proxy.example.com:3128"},
		"proxy without host":         {func(c *Input) { c.Request.ProxyURL = NewProxyURL("http://") }, "request.proxy_url names no host, set it to an address such as http://proxy.example.com:3128"},
		"no attempt":                 {func(c *Input) { c.Request.Retry.MaxAttempts = 0 }, "request.retry.max_attempts is 0, set it to a number from 1 (no retry) to 100"},
		"no wait":                    {func(c *Input) { c.Request.Retry.WaitMin = 0 }, "request.retry.wait_min is 0s, set it to a duration above 0 and up to 1h, such as 1s"},
		"waits the wrong way around": {func(c *Input) { c.Request.Retry.WaitMax = time.Microsecond }, "request.retry.wait_max is 1µs, set it to a duration from request.retry.wait_min (1ms) to 1h"},
		"negative limit":             {func(c *Input) { c.Request.RateLimit.Limit = -1 }, "request.rate_limit.limit is -1, set it to requests per second up to 10000, or to 0 for no limit"},
		"no burst":                   {func(c *Input) { c.Request.RateLimit.Burst = 0 }, "request.rate_limit.burst is 0, set it to a number from 1 to 10000"},
		"tiny body":                  {func(c *Input) { c.Request.MaxBodySize = 1 }, "request.max_body_size is 1B, set it to a size from 1.0KiB to 1.0GiB, such as 256MiB"},
		"trace size":                 {func(c *Input) { c.Request.Tracer.Maxsize = 0 }, "request.tracer.maxsize is 0, set it to a size in MB from 1 to 1024"},
		"trace backups":              {func(c *Input) { c.Request.Tracer.Maxbackups = -1 }, "request.tracer.maxbackups is -1, set it to a number of files from 0 to 1024"},
		"several": {func(c *Input) { c.URL, c.PageSize = "", 0 },
			"url is missing, set it to the address of the appliance, such as https://threatq.example.com; page_size is 0, set it to a number from 1 to 10000"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := testInput()
			test.set(&cfg)
			err := cfg.Validate()
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, test.want)
			assert.NotContains(t, err.Error(), "hunter")
		})
	}
}

func TestConfigUnpackRefusals(t *testing.T) {
	tests := map[string]struct {
		set  map[string]any
		want []string
	}{
		"several at once": {map[string]any{"page_size": 0, "request.retry.max_attempts": 1000},
			[]string{"page_size is 0, set it to", "request.retry.max_attempts is 1000, set it to"}},
		"size": {map[string]any{"request.max_body_size": "12 parrots"},
			[]string{`"12 parrots" is not a size, write a number with a unit, such as 256MiB`, "request.max_body_size"}},
		"negative size": {map[string]any{"request.max_body_size": "-1MiB"}, []string{"is not a size", "request.max_body_size"}},
		"old TLS": {map[string]any{"request.ssl.supported_protocols": []string{"TLSv1.1", "TLSv1.2"}},
			[]string{"request.ssl.supported_protocols holds TLSv1.1, which is not secure: TLSv1.2 and TLSv1.3 can be used"}},
		"missing CA": {map[string]any{"request.ssl.certificate_authorities": []string{"/nowhere/ca.pem"}},
			[]string{"request.ssl can't be used: ", "/nowhere/ca.pem"}},
		"verification mode": {map[string]any{"request.ssl.verification_mode": "maybe"}, []string{"maybe", "request.ssl.verification_mode"}},
		"proxy password": {map[string]any{"request.proxy_url": "http://u:hunter%zz22@proxy.example.com"},
			[]string{"request.proxy_url can't be read"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := testInput()
			err := config.MustNewConfigFrom(test.set).Unpack(&cfg)
			require.Error(t, err)
			for _, want := range test.want {
				assert.Contains(t, err.Error(), want)
			}
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
	cfg := testInput()
	cfg.Auth.OAuth2.Client.Secret = NewSecret("hunter22")
	cfg.Request.ProxyURL = NewProxyURL("http://me:hunter22@proxy.example.com:3128")
	cfg.Request.ProxyHeaders = map[string]Secret{"X-Key": NewSecret("hunter22")}
	require.NoError(t, config.MustNewConfigFrom(map[string]any{"request.ssl.key_passphrase": "hunter22"}).Unpack(&cfg))

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

// Every option has a name in the configuration: unknown ones are found by it.
func TestConfigTags(t *testing.T) {
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for i := range typ.NumField() {
			field := typ.Field(i)
			if field.PkgPath != "" {
				continue
			}
			assert.NotEmpty(t, field.Tag.Get("config"), "%s.%s", typ.Name(), field.Name)
			if field.Type.Kind() == reflect.Struct && strings.HasSuffix(field.Type.PkgPath(), "/config") {
				walk(field.Type)
			}
		}
	}
	walk(reflect.TypeFor[Input]())
}
