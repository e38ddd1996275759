// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// maxTokenRequest is the largest form that the token endpoint reads, in bytes.
const maxTokenRequest = 64 << 10

// tokens holds the credentials and the access tokens of the appliance.
type tokens struct {
	now   func() time.Time
	ttl   time.Duration
	style AuthStyle

	mu     sync.Mutex
	id     string
	secret string
	valid  map[string]time.Time // until when
	issued []string
}

func newTokens(cfg Config) tokens {
	return tokens{
		now: cfg.Now, ttl: cfg.TokenTTL, style: cfg.AuthStyle,
		id: cfg.ClientID, secret: cfg.ClientSecret,
		valid: make(map[string]time.Time),
	}
}

func (t *tokens) authenticate(id, secret string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return subtle.ConstantTimeCompare([]byte(id), []byte(t.id))&
		subtle.ConstantTimeCompare([]byte(secret), []byte(t.secret)) == 1
}

// issue returns a new access token and a refresh token.
func (t *tokens) issue() (access, refresh string) {
	access, refresh = rand.Text()+rand.Text(), rand.Text()+rand.Text()
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for token, until := range t.valid {
		if !now.Before(until) {
			delete(t.valid, token)
		}
	}
	t.valid[access] = now.Add(t.ttl)
	t.issued = append(t.issued, access, refresh)
	return access, refresh
}

// check says what is wrong with the token of a request, if anything.
func (t *tokens) check(authorization string) string {
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
	if !t.now().Before(until) {
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
	return append([]string(nil), s.tokens.issued...)
}

func (s *Simulator) serveToken(x *exchange) {
	x.serve("", func() (answer func(*fault)) {
		if !s.authenticateClient(x) {
			return nil
		}
		access, refresh := s.tokens.issue()
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
	case basic && s.tokens.style != AuthForm:
		if !s.tokens.authenticate(id, secret) {
			id, secret = formDecoded(id), formDecoded(secret)
		}
	case form.Has("client_id") && s.tokens.style != AuthBasic:
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
