// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/threatqbeat/threatqbeat/config"
)

const (
	// leastRedacted is the length from which a configured secret is searched for
	// in texts: a shorter one would replace too much of an innocent text.
	leastRedacted = 4
	// leastConcealed is the length from which a secret is searched for in pages: a
	// shorter one may be a word that indicators have in them.
	leastConcealed = 12
	// keptTokens is how many tokens, of which the last is in use, are searched for.
	keptTokens = 4
)

// secrets are the texts that must not be shown, for foreign texts to be
// searched for them.
type secrets struct {
	mu     sync.Mutex
	fixed  []string
	tokens [][]string // the forms of the last few
}

// forms returns a secret as it may be repeated: as it is, in a query, in a path,
// and in JSON as PHP writes it.
func forms(secret string) []string {
	list := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.ReplaceAll(secret, "/", `\/`)}
	slices.Sort(list)
	return slices.Compact(list)
}

func (c *Client) keepSecrets() {
	add := func(text string) {
		if len(text) >= leastRedacted {
			c.secrets.fixed = append(c.secrets.fixed, forms(text)...)
		}
	}
	id, secret := c.cfg.Auth.OAuth2.Client.ID, c.cfg.Auth.OAuth2.Client.Secret.Reveal()
	add(secret)
	for _, pair := range []string{id + ":" + secret, url.QueryEscape(id) + ":" + url.QueryEscape(secret)} {
		add(base64.StdEncoding.EncodeToString([]byte(pair)))
	}
	for _, value := range c.cfg.Request.ProxyHeaders {
		add(value.Reveal())
	}
	for _, address := range []*url.URL{c.dataURL, c.tokenURL} {
		if proxy := c.transports.proxyOf(address); proxy != nil && proxy.User != nil {
			password, _ := proxy.User.Password()
			add(password)
			add(base64.StdEncoding.EncodeToString([]byte(proxy.User.Username() + ":" + password)))
		}
	}
}

func (s *secrets) addToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = append(s.tokens[max(0, len(s.tokens)-keptTokens+1):], forms(token))
}

// all returns the secrets of at least that length, in all their forms.
func (s *secrets) all(least int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Concat(append(s.tokens, s.fixed)...)
	return slices.DeleteFunc(list, func(secret string) bool { return len(secret) < least })
}

// redact replaces the secrets in a text.
func (c *Client) redact(text string) string {
	for _, secret := range c.secrets.all(1) {
		text = strings.ReplaceAll(text, secret, config.Redacted)
	}
	return text
}

// within reports whether one of the longer secrets is within a text.
func (s *secrets) within(text string) bool {
	return text != "" && slices.ContainsFunc(s.all(leastConcealed), func(secret string) bool { return strings.Contains(text, secret) })
}

// conceal overwrites the secrets in what is no indicator. An appliance, or
// something in between, that repeats in its answer what it was sent must not
// make an event of it. To search whole pages would cost a fifth of the speed.
func (c *Client) conceal(body []byte) {
	for _, secret := range c.secrets.all(leastConcealed) {
		for rest := body; ; {
			at := bytes.Index(rest, []byte(secret))
			if at < 0 {
				break
			}
			copy(rest[at:], strings.Repeat("x", len(secret)))
			rest = rest[at+len(secret):]
		}
	}
}
