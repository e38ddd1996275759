// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// maxRedirects is how many redirects in a row are followed.
const maxRedirects = 5

// redirectError is a redirect that is not followed.
type redirectError struct {
	target string // scheme, host and path
	reason string
}

func (e *redirectError) Error() string { return e.reason }

// checkRedirect lets a request be redirected within its origin only: the same
// scheme, host and port. Anywhere else the token or the client's secret would
// reach somebody that the configuration doesn't name, or cross the network in
// the clear. net/http itself would forward the Authorization header to every
// subdomain, and a form with a secret to any host (307 and 308).
func checkRedirect(next *http.Request, via []*http.Request) error {
	first := via[0]
	refuse := func(reason string) error {
		target := url.URL{Scheme: next.URL.Scheme, Host: next.URL.Host, Path: next.URL.Path}
		return &redirectError{target: clean(target.Redacted()), reason: reason}
	}
	switch {
	case next.URL.User != nil || origin(next.URL) != origin(first.URL):
		return refuse("to another place, where credentials are never sent")
	case next.Method != first.Method:
		return refuse("in a way that would turn the request into another one")
	case len(via) > maxRedirects:
		return refuse("again and again")
	}
	return nil
}

// origin returns scheme, host and port of an address in one form.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// classifyRedirect fills in e when err says that a redirect was not followed.
func (c *Client) classifyRedirect(e *Error, err error) bool {
	var redirect *redirectError
	if !errors.As(err, &redirect) {
		return false
	}
	e.Kind = KindRedirect
	e.Reason = fmt.Sprintf("the appliance redirects to %s, %s", c.redact(redirect.target), redirect.reason)
	e.Hint = "if that is the right address, set url (or auth.oauth2.token_url) to it"
	return true
}
