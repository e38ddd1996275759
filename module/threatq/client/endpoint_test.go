// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEndpointAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"https://threatq.example.com":               "https://threatq.example.com",
		"https://threatq.example.com/":              "https://threatq.example.com",
		"https://threatq.example.com/api":           "https://threatq.example.com",
		"https://threatq.example.com/api/":          "https://threatq.example.com",
		"https://threatq.example.com:8443/":         "https://threatq.example.com:8443",
		"https://example.com/apps/threatq":          "https://example.com/apps/threatq",
		"https://example.com/apps/threatq/api//":    "https://example.com/apps/threatq",
		"https://[2001:db8::1]/":                    "https://[2001:db8::1]",
		"HTTPS://threatq.example.com":               "https://threatq.example.com",
		"https://threatq.example.com/not/the-api":   "https://threatq.example.com/not/the-api",
		"https://threatq.example.com/apis%20and/x/": "https://threatq.example.com/apis%20and/x",
	} {
		c, _, _ := newClient(t, testConfig(address))
		ends := c.Endpoints()
		require.Len(t, ends, 2)
		assert.Equal(t, want+"/api/indicators/query/hash/"+testCollection, ends[0].URL.String(), address)
		assert.Equal(t, want+"/api/token", ends[1].URL.String(), address)
	}
	cfg := testConfig("https://threatq.example.com")
	cfg.Auth.OAuth2.TokenURL = "https://sso.example.com/oauth/token"
	c, _, _ := newClient(t, cfg)
	assert.Equal(t, "https://sso.example.com/oauth/token", c.Endpoints()[1].URL.String())
	assert.Equal(t, "sso.example.com:443", c.Endpoints()[1].Address)
}
