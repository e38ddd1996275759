// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/threatqbeat/threatqbeat/config"
	guard "github.com/threatqbeat/threatqbeat/config/secrets"
)

const (
	// maxTokenBody bounds the token endpoint's answer.
	maxTokenBody = 1 << 20
	// maxMargin is how long before its expiry a token is replaced at most, so
	// that it doesn't expire on the way. A tenth of a short life does as well.
	maxMargin = time.Minute
	// longestToken bounds what an appliance says of a token's life.
	longestToken = 365 * 24 * time.Hour
)

// tokenSource keeps one token, and requests another when it is used up. Who
// waits while another goroutine requests one stops waiting with its context;
// oauth2.ReuseTokenSource would hold a mutex meanwhile.
type tokenSource struct {
	c    *Client
	gate chan struct{} // holds one item when nobody is at work below

	token   string
	expires time.Time // zero: not known
	style   oauth2.AuthStyle
}

func newTokenSource(c *Client) *tokenSource {
	s := &tokenSource{c: c, gate: make(chan struct{}, 1)}
	s.gate <- struct{}{}
	return s
}

func (s *tokenSource) op() string { return "requesting a token from " + s.c.tokenURL.String() }

// enter returns once no other goroutine is at work.
func (s *tokenSource) enter(ctx context.Context) error {
	if ctx.Err() == nil {
		select {
		case <-s.gate:
			return nil
		case <-ctx.Done():
		}
	}
	return canceled(ctx, s.op())
}

func (s *tokenSource) leave() { s.gate <- struct{}{} }

// get returns a token that is valid for all that is known.
func (s *tokenSource) get(ctx context.Context) (string, error) {
	if err := s.enter(ctx); err != nil {
		return "", err
	}
	defer s.leave()
	if s.token != "" && (s.expires.IsZero() || s.c.now().Before(s.expires)) {
		return s.token, nil
	}
	s.token = ""
	token, err := s.request(ctx)
	s.c.metrics.token(err)
	if err != nil {
		return "", err
	}
	s.c.secrets.addToken(token.AccessToken)
	guard.LearnToken(token.AccessToken)
	s.token, s.expires = token.AccessToken, time.Time{}
	if life := time.Duration(token.ExpiresIn) * time.Second; life > 0 {
		s.expires = s.c.now().Add(life - min(life/10, maxMargin))
	}
	return s.token, nil
}

// discard forgets a token that the appliance refused, unless another has taken
// its place already.
func (s *tokenSource) discard(token string) {
	<-s.gate
	defer s.leave()
	if s.token == token {
		s.token = ""
	}
}

// request requests a token. Some appliances want the credentials by HTTP
// Basic, others in the form: the form is tried when Basic is refused, and what
// worked is remembered, so that the secret is sent no more than needed.
func (s *tokenSource) request(ctx context.Context) (*oauth2.Token, error) {
	if s.style != oauth2.AuthStyleAutoDetect {
		token, err := s.requestWith(ctx, s.style)
		if refused(err) {
			s.style = oauth2.AuthStyleAutoDetect
		}
		return token, err
	}
	token, err := s.requestWith(ctx, oauth2.AuthStyleInHeader)
	if err == nil {
		s.style = oauth2.AuthStyleInHeader
		return token, nil
	}
	if !refused(err) {
		return nil, err
	}
	token, formErr := s.requestWith(ctx, oauth2.AuthStyleInParams)
	switch {
	case formErr == nil:
		s.style = oauth2.AuthStyleInParams
		return token, nil
	case IsKind(formErr, KindCanceled):
		return nil, formErr
	}
	return nil, err
}

// refused reports whether a token request failed in the way of an endpoint
// that doesn't understand how the client authenticates.
func refused(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == KindCredentials && e.Status != http.StatusForbidden
}

func (s *tokenSource) requestWith(ctx context.Context, style oauth2.AuthStyle) (*oauth2.Token, error) {
	cfg := clientcredentials.Config{
		ClientID:     s.c.cfg.Auth.OAuth2.Client.ID,
		ClientSecret: s.c.cfg.Auth.OAuth2.Client.Secret.Reveal(),
		TokenURL:     s.c.tokenURL.String(),
		AuthStyle:    style,
	}
	hc := &http.Client{Transport: tokenTransport{s}}
	token, err := cfg.Token(context.WithValue(ctx, oauth2.HTTPClient, hc))
	if err == nil {
		// Expiry is set as well, but by the machine's clock instead of ours.
		seconds, _ := token.Extra("expires_in").(float64)
		token.ExpiresIn = int64(seconds)
		return token, nil
	}
	return nil, s.c.requestError(ctx, &call{op: s.op(), token: true}, err)
}

// tokenTransport carries oauth2's request through the retries. It hands over
// an answer only when a token was found in it, and in a form that oauth2 is
// sure to read: oauth2's own errors quote the answer, token included.
type tokenTransport struct{ s *tokenSource }

// RoundTrip sends a token request with all its attempts.
func (t tokenTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	var answer []byte
	call := &call{op: t.s.op(), token: true}
	req = req.Clone(req.Context())
	req.Header.Set("Accept", "application/json")
	err := t.s.c.do(req, call, func(resp *http.Response) error {
		raw, err := readTokenBody(resp)
		if err != nil {
			return err
		}
		token, err := parseToken(raw)
		if err != nil {
			return err
		}
		answer, err = json.Marshal(token)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(bytes.NewReader(answer)),
		Request:    req,
	}, nil
}

func readTokenBody(resp *http.Response) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenBody+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxTokenBody {
		return nil, &Error{
			Kind:   KindAnswer,
			Reason: fmt.Sprintf("the answer is larger than %v, far too large for a token", config.ByteSize(maxTokenBody)),
			Hint:   "check url or auth.oauth2.token_url",
			final:  true,
		}
	}
	return raw, nil
}

// tokenAnswer is what a token endpoint answers, as far as it matters.
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type,omitempty"`
	ExpiresIn   int64  `json:"expires_in,omitempty"` // seconds, 0 when not known
}

// parseToken reads the token endpoint's answer. expires_in may be a number, a
// string or missing. The error repeats nothing of the answer.
func parseToken(raw []byte) (tokenAnswer, error) {
	fail := func(reason, hint string) (tokenAnswer, error) {
		return tokenAnswer{}, &Error{Kind: KindAnswer, Reason: reason, Hint: hint}
	}
	const hint = "check url or auth.oauth2.token_url"
	var answer struct {
		AccessToken string          `json:"access_token"`
		ExpiresIn   json.RawMessage `json:"expires_in"`
		Error       json.RawMessage `json:"error"`
	}
	raw = bytes.TrimLeft(raw, " \t\r\n\ufeff")
	switch {
	case len(raw) == 0:
		return fail("the answer is empty", hint)
	case raw[0] == '<':
		return fail("the answer is an HTML or XML page instead of a token", hint+"; a login page or a proxy may stand in between")
	case json.Unmarshal(raw, &answer) != nil:
		return fail("the answer is not the JSON of a token", hint)
	case answer.AccessToken == "" && len(answer.Error) > 0:
		return tokenAnswer{}, &Error{
			Kind:   KindCredentials,
			Reason: "the appliance answers with an error instead of a token",
			Hint:   "check auth.oauth2.client.id and auth.oauth2.client.secret",
			final:  true,
		}
	case answer.AccessToken == "":
		return fail("the answer holds no access_token", hint)
	case strings.ContainsFunc(answer.AccessToken, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fail("the answer's access_token holds characters that can't be in a token", hint)
	}
	return tokenAnswer{AccessToken: answer.AccessToken, ExpiresIn: seconds(answer.ExpiresIn)}, nil
}

// seconds reads a number of seconds, also from a string; 0 when there is none.
func seconds(raw []byte) int64 {
	n, err := strconv.ParseFloat(strings.TrimSpace(strings.Trim(string(raw), `"`)), 64)
	if err != nil || !(n > 0) {
		return 0
	}
	return int64(min(n, longestToken.Seconds()))
}
