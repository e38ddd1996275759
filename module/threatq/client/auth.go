// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/threatqbeat/threatqbeat/config/secrets"
)

// maxMargin is how long before its expiry a token is replaced at most, so
// that it doesn't expire on the way. A tenth of a short life does as well.
const maxMargin = time.Minute

// bothStyles are the ways to send the credentials, HTTP Basic first: some
// appliances want them in the form.
var bothStyles = []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams}

// tokenSource keeps one token, and requests another when it is used up. A
// goroutine that finds another one requesting a token stops waiting with its
// context; oauth2.ReuseTokenSource would hold a mutex meanwhile.
type tokenSource struct {
	c    *Client
	op   string
	gate chan struct{} // holds one item while the fields below are not in use

	token   string
	expires time.Time          // zero: not known
	styles  []oauth2.AuthStyle // to try in turn
}

func newTokenSource(c *Client) *tokenSource {
	s := &tokenSource{c: c, op: "requesting a token from " + c.tokenURL.String(), gate: make(chan struct{}, 1), styles: bothStyles}
	s.gate <- struct{}{}
	return s
}

// get returns a token that is valid as far as is known.
func (s *tokenSource) get(ctx context.Context) (string, error) {
	if ctx.Err() != nil {
		return "", canceled(ctx, s.op)
	}
	select {
	case <-s.gate:
	case <-ctx.Done():
		return "", canceled(ctx, s.op)
	}
	defer func() { s.gate <- struct{}{} }()
	if s.token != "" && (s.expires.IsZero() || s.c.now().Before(s.expires)) {
		return s.token, nil
	}
	s.token = ""
	token, err := s.request(ctx)
	s.c.metrics.tokens.Inc()
	if err != nil {
		s.c.metrics.tokenErrors.Inc()
		return "", err
	}
	secrets.LearnToken(token.AccessToken)
	s.token, s.expires = token.AccessToken, time.Time{}
	// Expiry is a time of the machine's clock, which may be set meanwhile.
	if life := time.Until(token.Expiry); life > 0 {
		s.expires = s.c.now().Add(life - min(life/10, maxMargin))
	}
	return s.token, nil
}

// discard forgets a token that the appliance refused, unless another has taken
// its place already.
func (s *tokenSource) discard(token string) {
	<-s.gate
	if s.token == token {
		s.token = ""
	}
	s.gate <- struct{}{}
}

// request requests a token. The second style is tried only where the first one is
// refused, and what worked is remembered, so that the secret is sent no more than
// needed. oauth2.AuthStyleAutoDetect would send it twice at any failure.
func (s *tokenSource) request(ctx context.Context) (*oauth2.Token, error) {
	var first error
	for _, style := range s.styles {
		token, err := s.requestWith(ctx, style)
		if err == nil {
			s.styles = []oauth2.AuthStyle{style}
			return token, nil
		}
		e, ok := errors.AsType[*Error](err)
		if first == nil || ok && e.Failure == FailureCanceled {
			first = err
		}
		if !ok || e.Failure != FailureCredentials || e.Status == http.StatusForbidden {
			return nil, first
		}
	}
	s.styles = bothStyles
	return nil, first
}

func (s *tokenSource) requestWith(ctx context.Context, style oauth2.AuthStyle) (token *oauth2.Token, err error) {
	cfg := clientcredentials.Config{
		ClientID:     s.c.cfg.Auth.OAuth2.Client.ID,
		ClientSecret: s.c.cfg.Auth.OAuth2.Client.Secret.Reveal(),
		TokenURL:     s.c.tokenURL.String(),
		AuthStyle:    style,
	}
	call := &call{op: s.op, token: true}
	err = s.c.do(context.WithValue(ctx, oauth2.HTTPClient, s.c.http), call, func(ctx context.Context) (err error) {
		token, err = cfg.Token(ctx)
		return s.c.tokenError(call, token, err)
	})
	return token, err
}

// tokenError returns the Error for what oauth2 returned, nil for a token that can
// be used. Nothing of oauth2's texts is shown: they quote the answer.
func (c *Client) tokenError(call *call, token *oauth2.Token, err error) error {
	var (
		retrieve *oauth2.RetrieveError
		network  interface{ Timeout() bool } // *url.Error
	)
	answer := &Error{Failure: FailureAnswer, Hint: "check url or auth.oauth2.token_url; a login page or a proxy may stand in between"}
	switch {
	case errors.As(err, &retrieve) && retrieve.Response.StatusCode/100 != 2:
		return c.statusError(call, retrieve.Response, retrieve.Body)
	case errors.As(err, &retrieve):
		return &Error{
			Failure: FailureCredentials,
			Reason:  "the appliance answers with an error instead of a token",
			Hint:    "check auth.oauth2.client.id and auth.oauth2.client.secret",
		}
	case call.bodyErr != nil:
		return call.bodyErr
	case errors.As(err, &network):
		return err
	case err != nil && strings.HasSuffix(err.Error(), "missing access_token"):
		answer.Reason = "the answer holds no access_token"
	case err != nil:
		answer.Reason = "the answer is not the JSON of a token"
	case strings.ContainsFunc(token.AccessToken, func(r rune) bool { return r <= ' ' || r > '~' }):
		answer.Reason = "the answer's access_token holds characters that can't be in a token"
	default:
		return nil
	}
	return answer
}
