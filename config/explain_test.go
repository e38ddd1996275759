// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/config"
)

func TestValuesAreRefusedByName(t *testing.T) {
	tests := map[string]struct{ settings, want string }{
		"duration":         {"interval: soon", `interval is "soon": it must be a duration such as 30s or 1m (1s or more)`},
		"number":           {"page_size: many", `page_size is "many": it must be a whole number (1 to 10000)`},
		"half a number":    {"page_size: 1.5", `page_size is "1.5": it must be a whole number (1 to 10000)`},
		"out of range":     {"page_size: 0", `page_size is 0: it must be a whole number (1 to 10000)`},
		"negative":         {"clean_inactive: -1s", `clean_inactive is -1s: it must be a duration such as 30s or 1m (0 or more)`},
		"bool":             {"keep_null: perhaps", `keep_null is "perhaps": it must be true or false`},
		"group for value":  {"interval: {every: 1m}", `interval can't be read: it must be a duration`},
		"lifetime":         {"ioc_expiration_duration: 1.5d", `ioc_expiration_duration is "1.5d": it must be a whole number of days`},
		"bytes":            {"request.max_body_size: 12 parrots", `request.max_body_size is "12 parrots": it must be a number of bytes`},
		"not a number":     {"request.rate_limit.limit: .nan", `request.rate_limit.limit is NaN: it must be a number (0 to 10000)`},
		"variable":         {"interval: ${THREATQBEAT_NO_SUCH_VARIABLE}", `interval refers to ${THREATQBEAT_NO_SUCH_VARIABLE}, which is neither in the keystore nor in the environment`},
		"no unit":          {"interval: 1", `interval is "1": it must be a duration such as 30s or 1m (1s or more)`},
		"variable in list": {"expired_statuses: ['${THREATQBEAT_NO_SUCH_VARIABLE}']", `expired_statuses.0 refers to ${THREATQBEAT_NO_SUCH_VARIABLE}`},
		"mode":             {"request.ssl.verification_mode: sloppy", `request.ssl.verification_mode is "sloppy": it must be one of full, strict, certificate, none`},
		"TLS version":      {"request.ssl.supported_protocols: [TLSv9]", `request.ssl.supported_protocols.0`},
		"TLS list":         {"request.ssl: true", `request.ssl has a value of its own: below it there are`},
		"no key":           {"request.ssl.certificate: /a.pem", `request.ssl.key is missing: it must name the private key of request.ssl.certificate`},
		"no certificate":   {"request.ssl.key: /a.key", `request.ssl.certificate is missing: it must name the certificate that request.ssl.key belongs to`},
		"pin":              {"request.ssl.ca_sha256: [AAAA]", `request.ssl.ca_sha256.0 is "AAAA": it must be the SHA-256 sum of a public key in Base64`},
		"port":             {"url: 'https://threatq.example.com:65536'", `url is "https://threatq.example.com:65536", whose port is above 65535`},
		"upper case index": {"index: My-Index-%{+yyyy.MM}", `index is "My-Index-%{+yyyy.MM}": an index has a name in lower case`},
		"broken index":     {"index: 'a-%{[b'", `index is "a-%{[b"`},
		"processor":        {"processors: [{no_such: {}}]", `processors.0 can't be used`},
		"secret":           {"auth.oauth2.client.secret: {hidden: hidden}", `auth.oauth2.client.secret can't be read: it must be the secret of an API client`},
		"type":             {"type: kafka", `type is "kafka": it must be threatq, the only input of threatqbeat`},
		"no type":          {"type: ''", `type is missing: it must be threatq`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			raw := config.MustNewConfigFrom(plainInput)
			require.NoError(t, raw.Merge(config.MustNewConfigFrom(tt.settings)))
			file := config.MustNewConfigFrom(map[string]any{"inputs": []any{raw}}) // paths carry their place then
			var list struct {
				Inputs []*config.C `config:"inputs"`
			}
			require.NoError(t, file.Unpack(&list))
			_, err := ReadInput(list.Inputs[0], nil)
			require.Error(t, err)
			assert.Contains(t, err.Error(), `input "a": `+strings.TrimSuffix(tt.want, "\n"))
			assert.NotContains(t, err.Error(), "accessing")
			assert.NotContains(t, err.Error(), "hidden")
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestUnknownSettingsAreReportedWhereWanted(t *testing.T) {
	raw := config.MustNewConfigFrom(plainInput + "interal: 1m\nvendor.thing: 1")
	_, err := ReadInput(raw, nil)
	require.ErrorContains(t, err, `unknown setting "interal" in input "a": did you mean "interval"?; unknown setting "vendor.thing"`)

	var unknown []string
	in, err := ReadInput(raw, func(err error) { unknown = append(unknown, err.Error()) })
	require.NoError(t, err)
	assert.Equal(t, "a", in.ID)
	assert.Len(t, unknown, 2)
}
