// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/logp"
)

// clock is a time that a test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// read reads a page and releases it.
func read(c *Client) error {
	page, err := c.Page(background, "abc")
	page.Release()
	return err
}

// basic accepts the credentials by HTTP Basic only, form in the form only.
func basic(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	answerIf(w, id == testID && secret == "s3cr3t%26of+the%3Dclient" && !r.PostForm.Has("client_secret"))
}

func form(w http.ResponseWriter, r *http.Request) {
	answerIf(w, r.PostForm.Get("client_id") == testID && r.PostForm.Get("client_secret") == testSecret && r.Header.Get("Authorization") == "")
}

func answerIf(w http.ResponseWriter, ok bool) {
	if !ok {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error": "invalid_client"}`)
		return
	}
	fmt.Fprint(w, `{"access_token": "a-token", "expires_in": 100}`)
}

func TestTokenStyles(t *testing.T) {
	for name, test := range map[string]struct {
		token http.HandlerFunc
		sent  int // token requests for the first page
	}{
		"basic": {basic, 1},
		"form":  {form, 2},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAppliance(t, says(onePage))
			a.token = test.token
			now := &clock{now: time.Now()}
			c, _, reg := newClient(t, a.config())
			c.now = now.Now
			require.NoError(t, read(c))
			require.NoError(t, read(c))
			require.Len(t, a.seen("/api/token"), test.sent)

			now.Add(time.Hour)
			require.NoError(t, read(c))
			sent := a.seen("/api/token")
			require.Len(t, sent, test.sent+1, "what worked is remembered")
			assert.EqualValues(t, 2, metric(reg, "tokens_requested_total"))
			for _, r := range sent {
				assert.Equal(t, http.MethodPost, r.Method)
				assert.Equal(t, "client_credentials", r.PostForm.Get("grant_type"))
				assert.Equal(t, "application/x-www-form-urlencoded", r.Header.Get("Content-Type"))
				assert.Empty(t, r.URL.RawQuery)
			}
		})
	}
}

// When the appliance changes its mind, the style is looked for again.
func TestTokenStyleChanges(t *testing.T) {
	a := newAppliance(t, says(onePage))
	a.token = basic
	now := &clock{now: time.Now()}
	c, _, _ := newClient(t, a.config())
	c.now = now.Now
	require.NoError(t, read(c))
	a.token = form
	now.Add(time.Hour)
	asError(t, read(c), FailureCredentials)
	require.NoError(t, read(c))
}

func TestTokenExpiry(t *testing.T) {
	for expires, keeps := range map[string]struct{ valid, used time.Duration }{
		`172799`:      {172799*time.Second - 61*time.Second, 172799*time.Second - 59*time.Second},
		`"3600"`:      {3539 * time.Second, 3541 * time.Second},
		`10`:          {8 * time.Second, 9500 * time.Millisecond},
		`99999999999`: {365 * 24 * time.Hour, 100 * 365 * 24 * time.Hour},
		`null`:        {10000 * time.Hour, 0},
		`0`:           {10000 * time.Hour, 0},
		`-5`:          {10000 * time.Hour, 0},
	} {
		t.Run(expires, func(t *testing.T) {
			a := newAppliance(t, says(onePage))
			a.token = says(`{"access_token": "a-token", "expires_in": ` + expires + `}`)
			now := &clock{now: time.Now()}
			c, _, _ := newClient(t, a.config())
			c.now = now.Now
			require.NoError(t, read(c))
			now.Add(keeps.valid)
			require.NoError(t, read(c))
			assert.Len(t, a.seen("/api/token"), 1)
			if keeps.used > 0 {
				now.Add(keeps.used - keeps.valid)
				require.NoError(t, read(c))
				assert.Len(t, a.seen("/api/token"), 2)
			}
			now.Add(-1000 * time.Hour)
			require.NoError(t, read(c), "a clock that goes backwards does no harm")
		})
	}
}

// A token that is refused is replaced once, and the page is read again.
func TestTokenRevoked(t *testing.T) {
	var mu sync.Mutex
	valid := "token-1"
	a := newAppliance(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Header.Get("Authorization") != "Bearer "+valid {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, onePage)
	})
	c, _, reg := newClient(t, a.config())
	require.NoError(t, read(c))
	revoke := func(next string) {
		mu.Lock()
		defer mu.Unlock()
		valid = next
	}
	revoke("token-2")
	require.NoError(t, read(c))
	assert.Len(t, a.seen("/api/token"), 2)
	assert.Len(t, a.seen(dataPath), 3)
	assert.EqualValues(t, 0, metric(reg, "http_retries_total"))

	revoke("none of them")
	asError(t, read(c), FailureCredentials)
	assert.Len(t, a.seen("/api/token"), 3, "exactly one new token")
	assert.Len(t, a.seen(dataPath), 5)

	revoke("token-4")
	require.NoError(t, read(c), "and it recovers by itself")
}

// Goroutines that find the token refused at the same time fetch one together.
func TestTokenRevokedInParallel(t *testing.T) {
	a := newAppliance(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer token-1" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, onePage)
	})
	c, _, _ := newClient(t, a.config())
	require.NoError(t, c.Token(background))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { assert.NoError(t, read(c)) })
	}
	wg.Wait()
	assert.Len(t, a.seen("/api/token"), 2)
}

func TestTokenFails(t *testing.T) {
	const op = "requesting a token from URL/api/token"
	const wrong = op + ": the appliance refuses the client's id or secret (%d); check auth.oauth2.client.id and auth.oauth2.client.secret"
	const check = "; check url or auth.oauth2.token_url"
	const between = "; a login page or a proxy may stand in between"
	const garbled = op + " failed after 3 attempts: the answer is not the JSON of a token" + check + between
	none := func(status string) string {
		return op + " failed after 3 attempts: the appliance answered " + status + ", which holds no answer; check url and what stands in between"
	}
	for name, test := range map[string]struct {
		token    http.HandlerFunc
		requests int
		failure  Failure
		want     string
	}{
		"400": {status(400), 2, FailureCredentials, fmt.Sprintf(wrong, 400)},
		"401": {status(401), 2, FailureCredentials, fmt.Sprintf(wrong, 401)},
		"403": {status(403), 1, FailureCredentials, fmt.Sprintf(wrong, 403)},
		"404": {status(404), 1, FailureStatus, op + ": the appliance answered 404 (Not Found)" + check},
		"429": {status(429), 3, FailureRateLimited, op + " failed after 3 attempts: the appliance answers that there are too many requests (429); lower the load with request.rate_limit.limit or a longer interval"},
		"500": {status(500), 3, FailureServer, op + " failed after 3 attempts: the appliance answered 500 (Internal Server Error); look at the appliance's own logs"},
		"Elasticsearch": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(401)
			fmt.Fprint(w, `{"error":{"type":"security_exception","reason":"unable to authenticate user [me]"},"status":401}`)
		}, 3, FailureAnswer, op + " failed after 3 attempts: Elasticsearch answers there, and not ThreatQ (401); set url to the address of the ThreatQ appliance"},
		"Kibana": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Kbn-Name", "kibana")
			w.WriteHeader(404)
		}, 3, FailureAnswer, op + " failed after 3 attempts: Kibana answers there, and not ThreatQ (404); set url to the address of the ThreatQ appliance"},
		"101":               {switches, 3, FailureAnswer, none("101 (Switching Protocols)")},
		"204":               {status(204), 3, FailureAnswer, none("204 (No Content)")},
		"205":               {status(205), 3, FailureAnswer, none("205 (Reset Content)")},
		"206":               {status(206), 3, FailureAnswer, none("206 (Partial Content)")},
		"302":               {status(302), 1, FailureStatus, op + ": the appliance answered 302 (Found) without saying where to; check url"},
		"html":              {says("<html>hunter22</html>"), 3, FailureAnswer, garbled},
		"garbage":           {says("hunter22"), 3, FailureAnswer, garbled},
		"form encoded":      {says("access_token=hunter22"), 3, FailureAnswer, garbled},
		"empty":             {says(""), 3, FailureAnswer, garbled},
		"array":             {says(`["hunter22"]`), 3, FailureAnswer, garbled},
		"no token":          {says(`{"refresh_token": "hunter22"}`), 3, FailureAnswer, op + " failed after 3 attempts: the answer holds no access_token" + check + between},
		"token of a number": {says(`{"access_token": 12345678}`), 3, FailureAnswer, garbled},
		"token with a line break": {says(`{"access_token": "hunter22\r\nX-Evil: 1"}`), 3, FailureAnswer,
			op + " failed after 3 attempts: the answer's access_token holds characters that can't be in a token" + check + between},
		"error with 200": {says(`{"error": "invalid_client", "error_description": "hunter22"}`), 2, FailureCredentials,
			op + ": the appliance answers with an error instead of a token; check auth.oauth2.client.id and auth.oauth2.client.secret"},
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := fmt.Fprint(w, strings.Repeat(" ", 4096)); err != nil {
					return
				}
			}
		}, 3, FailureAnswer, garbled},
		"truncated": {truncated(`{"access_token": "hunt`), 3, FailureUnreachable, op + " failed after 3 attempts: the appliance closed the connection before the answer was complete; check that the appliance is running and that nothing in between blocks the connection"},
		"reset":     {hijack(reset), 3, FailureUnreachable, op + " failed after 3 attempts: the appliance reset the connection; check that the appliance is running and that nothing in between blocks the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAppliance(t, says(onePage))
			a.token = test.token
			c, logs, reg := newClient(t, a.config())
			err := c.Token(background)
			asError(t, err, test.failure)
			text := strings.ReplaceAll(err.Error(), a.URL, "URL")
			assert.Equal(t, test.want, text)
			assert.Len(t, a.seen("/api/token"), test.requests)
			assert.EqualValues(t, 1, metric(reg, "token_errors_total"))
			assert.NotContains(t, err.Error()+logText(logs), "hunter22")

			a.token = nil
			require.NoError(t, read(c), "it recovers by itself")
		})
	}
}

func TestTokenRetried(t *testing.T) {
	a := newAppliance(t, says(onePage))
	tries := 0
	a.token = func(w http.ResponseWriter, r *http.Request) {
		if tries++; tries < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		basic(w, r)
	}
	c, _, _ := newClient(t, a.config())
	require.NoError(t, read(c))
	for _, r := range a.seen("/api/token") {
		assert.Equal(t, "client_credentials", r.PostForm.Get("grant_type"), "the form is sent again")
	}
}

// Whoever waits for somebody else's token request stops with its own context.
func TestTokenCanceled(t *testing.T) {
	a := newAppliance(t, says(onePage))
	asked := make(chan struct{})
	a.token = func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	}
	c, _, _ := newClient(t, a.config())
	slow, stop := context.WithCancel(background)
	done := make(chan error)
	go func() { done <- c.Token(slow) }()
	<-asked

	ctx, cancel := context.WithTimeout(background, 20*time.Millisecond)
	defer cancel()
	asError(t, c.Token(ctx), FailureCanceled)

	stop()
	asError(t, <-done, FailureCanceled)
}

// The credentials and the tokens may have different hosts, each with its own
// connection.
func TestTokenURL(t *testing.T) {
	sso := newAppliance(t, says(onePage))
	sso.token = basic
	a := newAppliance(t, says(onePage))
	cfg := a.config()
	cfg.Auth.OAuth2.TokenURL = strings.Replace(sso.URL, "127.0.0.1", "localhost", 1) + "/api/token"
	if addresses, err := net.LookupHost("localhost"); err != nil || len(addresses) == 0 {
		t.Skip("no localhost here")
	}
	c, _, _ := newClient(t, cfg)
	require.NoError(t, read(c))
	assert.Len(t, sso.seen("/api/token"), 1)
	assert.Empty(t, a.seen("/api/token"))
	for _, r := range a.requests {
		assert.Equal(t, "Bearer a-token", r.Header.Get("Authorization"))
		assert.Empty(t, r.PostForm)
	}
}

// answering is a transport that gives one answer to everything.
type answering []byte

func (a answering) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(bytes.NewReader(a)),
	}, nil
}

func FuzzToken(f *testing.F) {
	for _, seed := range []string{
		`{"access_token":"abc","token_type":"Bearer","expires_in":172799,"refresh_token":"def"}`,
		`{"access_token":"abc","expires_in":"3600"}`, `{"access_token":"abc"}`, `{"error":"invalid_client"}`,
		"<html>", "", "\ufeff{}", `{"access_token":"a\u0000b"}`, `{"access_token":"abc","expires_in":1e400}`,
		`{"access_token":"abc","expires_in":{"a":[1]}}`, `{"ACCESS_TOKEN":"abc","expires_in":null}`, `[[[`,
	} {
		f.Add([]byte(seed))
	}
	cfg := testConfig("https://threatq.example.com")
	cfg.Request.Retry.MaxAttempts = 1
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := New(cfg, logp.NewNopLogger(), Options{})
		require.NoError(t, err)
		c.http.Transport = answering(raw)
		token, err := c.tokens.get(background)
		if err != nil {
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Contains(t, []Failure{FailureAnswer, FailureCredentials}, e.Failure)
			require.NotContains(t, e.Reason, "oauth2")
			require.Empty(t, token)
			return
		}
		require.NotEmpty(t, token)
		require.True(t, c.tokens.expires.IsZero() || c.tokens.expires.After(time.Now().Add(-time.Second)))
		header := http.Header{"Authorization": {"Bearer " + token}}
		require.NotContains(t, header.Get("Authorization"), "\n")
	})
}
