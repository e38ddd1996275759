// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func redirect(code int, to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(code)
	}
}

// Whatever an appliance says, credentials stay with it.
func TestRedirectElsewhere(t *testing.T) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		thief := newAppliance(t, says(onePage))
		for name, to := range map[string]string{
			"another port":       thief.URL + "/x?y=z",
			"another host":       strings.Replace(thief.URL, "127.0.0.1", "localhost", 1),
			"with a user":        strings.Replace(thief.URL, "http://", "http://me:hunter22@", 1),
			"without scheme":     strings.TrimPrefix(thief.URL, "http:"),
			"https":              strings.Replace(thief.URL, "http:", "https:", 1),
			"another scheme":     "ftp://127.0.0.1/",
			"no address":         "http://[::1",
			"no host":            "http:///x",
			"control characters": "http://127.0.0.1:1/\x7f",
		} {
			for _, token := range []bool{false, true} {
				a := newAppliance(t, redirect(code, to))
				if token {
					a.token = redirect(code, to)
				}
				c, logs, _ := newClient(t, a.config())
				err := read(c)
				require.Error(t, err, name)
				assert.NotContains(t, err.Error()+logText(logs), "hunter22", name)
				assert.Empty(t, thief.requests, "%s %d", name, code)
			}
		}
	}
}

func TestRedirectText(t *testing.T) {
	a := newAppliance(t, redirect(302, "https://threatq.example.org/api/indicators?token=hunter22#x"))
	c, _, _ := newClient(t, a.config())
	err := read(c)
	asError(t, err, FailureRedirect)
	assert.Contains(t, err.Error(), ": the appliance redirects to https://threatq.example.org/api/indicators, to another place, where credentials are never sent; "+
		"if that is the right address, set url (or auth.oauth2.token_url) to it")
	assert.Len(t, a.seen(dataPath), 1, "it is not tried again")
}

// Within the appliance a redirect is followed, as long as the request stays
// the same.
func TestRedirectWithin(t *testing.T) {
	const moved = "/moved"
	for name, test := range map[string]struct {
		code  int
		token bool
		ok    bool
	}{
		"data 302":  {302, false, true},
		"data 308":  {308, false, true},
		"token 307": {307, true, true},
		"token 302": {302, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/api/token" && test.token:
					redirect(test.code, moved)(w, r)
				case r.URL.Path == "/api/token" || test.token && r.URL.Path == moved:
					_ = r.ParseForm()
					basic(w, r)
				case r.Header.Get("Authorization") != "Bearer a-token":
					w.WriteHeader(http.StatusUnauthorized)
				case r.URL.Path == dataPath && !test.token:
					redirect(test.code, moved)(w, r)
				default:
					says(onePage)(w, r)
				}
			}))
			defer server.Close()
			c, _, _ := newClient(t, testConfig(server.URL))
			err := read(c)
			if test.ok {
				require.NoError(t, err)
				return
			}
			asError(t, err, FailureRedirect)
			assert.Contains(t, err.Error(), "turn the request into another one")
		})
	}
}

func TestRedirectLoop(t *testing.T) {
	a := newAppliance(t, redirect(302, dataPath))
	c, _, _ := newClient(t, a.config())
	err := read(c)
	asError(t, err, FailureRedirect)
	assert.Contains(t, err.Error(), "again and again")
	assert.Len(t, a.seen(dataPath), maxRedirects+1)
}
