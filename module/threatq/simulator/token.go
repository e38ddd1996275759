// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"crypto/rand"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxTokenRequest is the largest form that the token endpoint reads, in bytes.
const maxTokenRequest = 64 << 10

// tokens holds the credentials and the access tokens of the appliance.
type tokens struct {
	mu     sync.Mutex
	id     string
	secret string
	valid  map[string]time.Time // until when
	issued []string
}

func (t *tokens) authenticate(id, secret string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return id == t.id && secret == t.secret
}

// issue returns a new access token and a refresh token.
func (t *tokens) issue(now time.Time, ttl time.Duration) (access, refresh string) {
	access, refresh = rand.Text()+rand.Text(), rand.Text()+rand.Text()
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.valid, func(_ string, until time.Time) bool { return !now.Before(until) })
	t.valid[access] = now.Add(ttl)
	t.issued = append(t.issued, access, refresh)
	return access, refresh
}

// check says what is wrong with the token of a request, if anything.
func (t *tokens) check(authorization string, now time.Time) string {
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "The request has no access token."
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	until, ok := t.valid[token]
	if !ok {
		return "The access token is invalid."
	}
	if !now.Before(until) {
		return "The access token has expired."
	}
	return ""
}

// RevokeTokens makes all access tokens that were issued invalid.
func (s *Simulator) RevokeTokens() {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	clear(s.tokens.valid)
}

// SetCredentials replaces the client id and secret. Tokens that were issued before stay valid.
func (s *Simulator) SetCredentials(id, secret string) {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	s.tokens.id, s.tokens.secret = id, secret
}

// IssuedTokens returns all access and refresh tokens that were issued, so that a test can look for them where they
// must not be.
func (s *Simulator) IssuedTokens() []string {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	return slices.Clone(s.tokens.issued)
}

func (s *Simulator) serveToken(x *exchange) {
	x.serve("", func() (answer func(*fault)) {
		if !s.authenticateClient(x) {
			return nil
		}
		access, refresh := s.tokens.issue(s.cfg.Now(), s.cfg.TokenTTL)
		s.stats.token()
		body := mustJSON(map[string]any{
			"access_token":  access,
			"token_type":    "Bearer",
			"expires_in":    int64(s.cfg.TokenTTL / time.Second),
			"refresh_token": refresh,
		})
		x.w.Header().Set("Cache-Control", "no-store")
		return func(f *fault) {
			if f != nil {
				f.spoil(x, f, body)
				return
			}
			x.answer(http.StatusOK, "application/json", body)
		}
	})
}

// authenticateClient checks a token request, and answers it when it is refused.
func (s *Simulator) authenticateClient(x *exchange) bool {
	if x.r.Method != http.MethodPost {
		x.w.Header().Set("Allow", http.MethodPost)
		x.fail(http.StatusMethodNotAllowed, "The method is not allowed, it must be POST.")
		return false
	}
	x.r.Body = http.MaxBytesReader(x.w, x.r.Body, maxTokenRequest)
	if err := x.r.ParseForm(); err != nil {
		x.failToken(http.StatusBadRequest, "invalid_request", "The form can't be read.")
		return false
	}
	form := x.r.PostForm
	id, secret, basic := x.r.BasicAuth()
	switch {
	case basic && s.cfg.AuthStyle != AuthForm:
		if !s.tokens.authenticate(id, secret) {
			id, secret = formDecoded(id), formDecoded(secret)
		}
	case form.Has("client_id") && s.cfg.AuthStyle != AuthBasic:
		id, secret = form.Get("client_id"), form.Get("client_secret")
	default:
		x.failToken(http.StatusUnauthorized, "invalid_client", "The client did not authenticate in a supported way.")
		return false
	}
	if !s.tokens.authenticate(id, secret) {
		x.failToken(http.StatusUnauthorized, "invalid_client", "The client credentials are invalid.")
		return false
	}
	switch form.Get("grant_type") {
	case "client_credentials":
		return true
	case "":
		x.failToken(http.StatusBadRequest, "invalid_request", "The grant_type is missing.")
	default:
		x.failToken(http.StatusBadRequest, "unsupported_grant_type", "The grant_type must be client_credentials.")
	}
	return false
}

// formDecoded undoes the encoding that RFC 6749 asks of credentials in HTTP Basic and that not every client applies.
func formDecoded(s string) string {
	if decoded, err := url.QueryUnescape(s); err == nil {
		return decoded
	}
	return s
}
