// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/transport"
	"github.com/elastic/elastic-agent-libs/transport/httpcommon"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"

	"github.com/threatqbeat/threatqbeat/config/secrets"
)

// transports holds one http.Transport per host: the appliance's and, where it
// differs, the token endpoint's. One for both would do but for proxies:
// httpcommon's TLS configuration checks a certificate against the name that it
// was built for, and against no name at all behind a CONNECT proxy.
type transports map[string]*http.Transport

// newTransports builds the transports for the hosts of these addresses.
func (c *Client) newTransports(addresses ...*url.URL) error {
	settings := httpcommon.HTTPTransportSettings{
		TLS:     c.cfg.Request.SSL.Settings(),
		Timeout: c.cfg.Request.Timeout,
		Proxy:   httpcommon.HTTPClientProxySettings{Disable: c.cfg.Request.ProxyDisable},
	}
	if !c.cfg.Request.ProxyURL.IsZero() {
		proxy, err := c.cfg.Request.ProxyURL.URL()
		if err != nil {
			return fmt.Errorf("request.proxy_url can't be read: %w", err)
		}
		settings.Proxy.URL = httpcommon.NewProxyURIFromURL(*proxy)
	}
	if len(c.cfg.Request.ProxyHeaders) > 0 {
		settings.Proxy.Headers = make(httpcommon.ProxyHeaders)
		for name, value := range c.cfg.Request.ProxyHeaders {
			settings.Proxy.Headers[name] = value.Reveal()
		}
	}
	// httpcommon logs each failed connection as an error and warns of
	// verification_mode none on each handshake. Both are said once, here and by
	// whoever gets the error, and nothing else is logged below.
	quiet := logp.NewNopLogger()
	common, err := tlscommon.LoadTLSConfig(settings.TLS, quiet)
	if err != nil {
		return fmt.Errorf("request.ssl can't be used: %w", err)
	}
	c.tls = common

	dialer := &net.Dialer{Timeout: settings.Timeout, KeepAlive: 30 * time.Second}
	c.dial = dialer.DialContext
	c.transports = make(transports)
	for _, address := range addresses {
		host := address.Hostname()
		if c.transports[host] != nil {
			continue
		}
		rt, err := settings.RoundTripper(
			httpcommon.WithLogger(quiet),
			// httpcommon's own dialer resolves names without regard to the context.
			httpcommon.WithBaseDialer(transport.DialerFunc(c.dial)),
			httpcommon.WithTransportFunc(func(t *http.Transport) {
				t.DialContext = c.dial
				t.DialTLSContext = c.dialTLS
				t.TLSClientConfig = c.tlsConfig(host)
				t.TLSHandshakeTimeout = settings.Timeout
				t.ResponseHeaderTimeout = settings.Timeout
				t.MaxIdleConnsPerHost = 2
				t.IdleConnTimeout = 90 * time.Second
				t.MaxResponseHeaderBytes = 256 << 10
			}),
		)
		if err != nil {
			return fmt.Errorf("setting up the connection to %s: %w", host, err)
		}
		c.transports[host] = rt.(*http.Transport)
	}
	return nil
}

// tlsConfig returns the TLS configuration for a host.
func (c *Client) tlsConfig(host string) *tls.Config {
	config := c.tls.BuildModuleClientConfig(host, tlscommon.WithLogger(logp.NewNopLogger()))
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	return config
}

// dialTLS connects to an address, which may be an https proxy's, and shakes
// hands. Unlike httpcommon's it ends when the context does.
func (c *Client) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	conn, err := c.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	secured := tls.Client(conn, c.tlsConfig(host))
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Request.Timeout)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}

// proxyOf returns the proxy that requests to an address take, nil for none.
func (t transports) proxyOf(address *url.URL) *url.URL {
	transport := t[address.Hostname()]
	if transport == nil || transport.Proxy == nil {
		return nil
	}
	proxy, err := transport.Proxy(&http.Request{URL: address})
	if err != nil {
		return nil
	}
	return proxy
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// roundTripper is what every request goes through, whatever it is for: the
// rate limit, the metrics, the debug log, the tracer, and the watch over the
// body.
type roundTripper struct{ c *Client }

// RoundTrip sends one request.
func (rt roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	c := rt.c
	transport := c.transports[req.URL.Hostname()]
	if transport == nil {
		// checkRedirect lets nothing else through.
		return nil, fmt.Errorf("no transport for host %s", req.URL.Hostname())
	}
	if err := c.waitForTurn(req.Context()); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(req.Context())
	// A RoundTripper may not change the request of its caller.
	req = req.Clone(ctx)
	req.Header.Set("User-Agent", c.userAgent)
	req.Header.Set("Accept", "application/json")

	record := c.newRecord(req)
	c.metrics.requests.Inc()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		cancel()
		c.metrics.failed.Inc()
		record.done(0, err)
		return nil, err
	}
	c.metrics.response(resp.StatusCode)
	record.status = resp.StatusCode
	record.trace.answer(resp)
	resp.Body = newBody(resp.Body, c.cfg.Request.Timeout, cancel, record)
	if noAnswer(resp.StatusCode) {
		resp.Body.Close()
		return nil, &Error{
			Kind:   KindAnswer,
			Status: resp.StatusCode,
			Reason: "the appliance answered " + statusText(resp.StatusCode) + ", which holds no answer",
			Hint:   "check url and what stands in between",
		}
	}
	if record.call.token {
		// oauth2 would read a text/plain as a form.
		resp.Header.Set("Content-Type", "application/json")
	}
	return resp, nil
}

// CloseIdleConnections closes what no request uses.
func (rt roundTripper) CloseIdleConnections() {
	for _, transport := range rt.c.transports {
		transport.CloseIdleConnections()
	}
}

// waitForTurn waits until request.rate_limit permits another request.
func (c *Client) waitForTurn(ctx context.Context) error {
	if c.limiter == nil {
		return ctx.Err()
	}
	turn := c.limiter.Reserve()
	wait := turn.Delay()
	if wait <= 0 {
		return ctx.Err()
	}
	c.metrics.rateLimitWaits.Inc()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		turn.Cancel()
		return ctx.Err()
	}
}

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
	return u.Scheme + "://" + strings.ToLower(hostPort(u))
}

// classifyRedirect fills in e when err says that a redirect was not followed.
func (c *Client) classifyRedirect(e *Error, err error) bool {
	var redirect *redirectError
	if !errors.As(err, &redirect) {
		return false
	}
	e.Kind = KindRedirect
	e.Reason = fmt.Sprintf("the appliance redirects to %s, %s", secrets.Hide(redirect.target), redirect.reason)
	e.Hint = "if that is the right address, set url (or auth.oauth2.token_url) to it"
	return true
}
