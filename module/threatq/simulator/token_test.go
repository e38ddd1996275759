// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var grant = url.Values{"grant_type": {"client_credentials"}}

func formOf(grantType, id, secret string) url.Values {
	form := url.Values{"grant_type": {grantType}}
	if id != "" {
		form.Set("client_id", id)
		form.Set("client_secret", secret)
	}
	return form
}

func TestTokenAnswer(t *testing.T) {
	a := startAppliance(t, testConfig(1))
	status, answer := a.postToken(grant, DefaultClientID, DefaultClientSecret)
	require.Equal(t, http.StatusOK, status)
	assert.Equal(t, "Bearer", answer["token_type"])
	assert.EqualValues(t, 172799, answer["expires_in"])
	assert.NotEqual(t, answer["access_token"], answer["refresh_token"])
	assert.ElementsMatch(t, []any{answer["access_token"], answer["refresh_token"]}, []any{a.IssuedTokens()[0], a.IssuedTokens()[1]})
}

func TestTokenRequests(t *testing.T) {
	const id, secret = DefaultClientID, DefaultClientSecret
	for _, test := range []struct {
		name          string
		style         AuthStyle
		form          url.Values
		basicID       string
		basicSecret   string
		status        int
		errorOfOAuth2 string
	}{
		{"basic", AuthAny, grant, id, secret, 200, ""},
		{"form", AuthAny, formOf("client_credentials", id, secret), "", "", 200, ""},
		{"basic only", AuthBasic, grant, id, secret, 200, ""},
		{"basic only, form", AuthBasic, formOf("client_credentials", id, secret), "", "", 401, "invalid_client"},
		{"form only", AuthForm, formOf("client_credentials", id, secret), "", "", 200, ""},
		{"form only, basic", AuthForm, grant, id, secret, 401, "invalid_client"},
		{"wrong secret", AuthAny, grant, id, "x", 401, "invalid_client"},
		{"wrong id", AuthAny, formOf("client_credentials", "x", secret), "", "", 401, "invalid_client"},
		{"nothing", AuthAny, grant, "", "", 401, "invalid_client"},
		{"no grant type", AuthAny, url.Values{}, id, secret, 400, "invalid_request"},
		{"other grant type", AuthAny, formOf("password", "", ""), id, secret, 400, "unsupported_grant_type"},
	} {
		cfg := testConfig(1)
		cfg.AuthStyle = test.style
		a := startAppliance(t, cfg)
		status, answer := a.postToken(test.form, test.basicID, test.basicSecret)
		assert.Equal(t, test.status, status, test.name)
		if test.errorOfOAuth2 != "" {
			assert.Equal(t, test.errorOfOAuth2, answer["error"], test.name)
			assert.Empty(t, a.IssuedTokens(), test.name)
		}
	}
}

func TestSecretWithSpecialCharacters(t *testing.T) {
	const secret = "a+b%2F c:d&é"
	cfg := testConfig(1)
	cfg.ClientSecret = secret
	a := startAppliance(t, cfg)
	for name, form := range map[string]string{"as it is": secret, "encoded": url.QueryEscape(secret)} {
		status, _ := a.postToken(grant, DefaultClientID, form)
		assert.Equal(t, http.StatusOK, status, name)
	}
}

func TestTokensExpireAndAreRevoked(t *testing.T) {
	var mu sync.Mutex
	now := testBase
	cfg := testConfig(20)
	cfg.TokenTTL = time.Minute
	cfg.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	a := startAppliance(t, cfg).login()
	status := func() int {
		resp, _, err := a.get(StartMark, 10)
		require.NoError(t, err)
		return resp.StatusCode
	}
	pass := func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) }

	assert.Equal(t, 200, status())
	pass(59 * time.Second)
	assert.Equal(t, 200, status())
	pass(time.Second)
	assert.Equal(t, 401, status())
	a.login()
	assert.Equal(t, 200, status())
	a.RevokeTokens()
	assert.Equal(t, 401, status())

	a.login()
	a.SetCredentials("other", "secret")
	assert.Equal(t, 200, status(), "the token stays valid")
	refused, _ := a.postToken(grant, DefaultClientID, DefaultClientSecret)
	assert.Equal(t, 401, refused)
	granted, _ := a.postToken(grant, "other", "secret")
	assert.Equal(t, 200, granted)
	assert.Equal(t, 4, a.Stats().Tokens)
	assert.Equal(t, map[int]int{200: 4, 401: 1}, a.Stats().Requests[EndpointToken])
}

func TestTokenMethod(t *testing.T) {
	a := startAppliance(t, testConfig(1))
	resp, err := a.client.Get(a.srv.URL + TokenPath)
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
	assert.True(t, json.NewDecoder(resp.Body).Decode(new(map[string]any)) == nil)
}
