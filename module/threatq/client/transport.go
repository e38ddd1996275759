// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/transport/httpcommon"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"
	"github.com/elastic/go-concert/timed"
)

// transports holds one http.Transport per host: the appliance's and, where it
// differs, the token endpoint's. One for both would do but for proxies:
// tlscommon's TLS configuration checks a certificate against the name that it
// was built for, and against no name at all behind a CONNECT proxy.
type transports map[string]*http.Transport

func (c *Client) newTransports(addresses ...*url.URL) error {
	request := &c.cfg.Request
	proxy := httpcommon.HTTPClientProxySettings{Disable: request.ProxyDisable, Headers: httpcommon.ProxyHeaders{}}
	if !request.ProxyURL.IsZero() {
		address, err := request.ProxyURL.URL()
		if err != nil {
			return fmt.Errorf("request.proxy_url can't be read: %w", err)
		}
		proxy.URL = httpcommon.NewProxyURIFromURL(*address)
	}
	for name, value := range request.ProxyHeaders {
		proxy.Headers[name] = value.Reveal()
	}
	var err error
	if c.tls, err = request.SSL.Load(); err != nil {
		return fmt.Errorf("request.ssl can't be used: %w", err)
	}
	dialer := &net.Dialer{Timeout: request.Timeout, KeepAlive: 30 * time.Second}
	c.dial = dialer.DialContext
	c.transports = make(transports)
	for _, address := range addresses {
		host := address.Hostname()
		c.transports[host] = &http.Transport{
			Proxy:                  proxy.ProxyFunc(),
			ProxyConnectHeader:     proxy.Headers.Headers(),
			DialContext:            c.dial,
			DialTLSContext:         c.dialTLS,
			TLSClientConfig:        c.tlsConfig(host),
			TLSHandshakeTimeout:    request.Timeout,
			ResponseHeaderTimeout:  request.Timeout,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: 256 << 10,
		}
	}
	return nil
}

func (c *Client) tlsConfig(host string) *tls.Config {
	config := c.tls.BuildModuleClientConfig(host, tlscommon.WithLogger(logp.NewNopLogger()))
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	return config
}

// dialTLS connects to an address, which may be an https proxy's, with TLS. It ends
// when the context does.
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
	record.status, record.header = resp.StatusCode, resp.Header.Clone()
	resp.Body = newBody(resp.Body, c.cfg.Request.Timeout, cancel, record)
	if noAnswer(resp.StatusCode) {
		resp.Body.Close()
		return nil, &Error{
			Failure: FailureAnswer,
			Status:  resp.StatusCode,
			Reason:  "the appliance answered " + statusText(resp.StatusCode) + ", which holds no answer",
			Hint:    "check url and what stands in between",
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
	err := timed.Wait(ctx, wait)
	if err != nil {
		turn.Cancel()
	}
	return err
}

// maxRedirects is how many redirects in a row are followed.
const maxRedirects = 5

// checkRedirect lets a request be redirected within its origin only: the same
// scheme, host and port. Anywhere else the token or the client's secret would
// reach somebody that the configuration doesn't name, or cross the network in
// the clear. net/http itself would forward the Authorization header to every
// subdomain, and a form with a secret to any host (307 and 308).
func checkRedirect(next *http.Request, via []*http.Request) error {
	first := via[0]
	refuse := func(reason string) error {
		target := url.URL{Scheme: next.URL.Scheme, Host: next.URL.Host, Path: next.URL.Path}
		return &Error{
			Failure: FailureRedirect,
			Reason:  fmt.Sprintf("the appliance redirects to %s, %s", scrub(target.String()), reason),
			Hint:    "if that is the right address, set url (or auth.oauth2.token_url) to it",
		}
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

// Endpoint is one address that the Client talks to, in parts, for
// testing the connection to it step by step.
type Endpoint struct {
	// URL is the address without its query.
	URL *url.URL
	// Address is the host and port that connections go to: the proxy's if
	// there is one.
	Address string
	// Proxy is the proxy without user and password, "" for none.
	Proxy string
}

// Endpoints returns the endpoint of the data and that of the tokens.
func (c *Client) Endpoints() []Endpoint {
	var out []Endpoint
	for _, address := range []*url.URL{c.dataURL, c.tokenURL} {
		e := Endpoint{URL: address, Address: hostPort(address)}
		if proxy := c.transports.proxyOf(address); proxy != nil {
			e.Address, e.Proxy = hostPort(proxy), proxy.Scheme+"://"+proxy.Host
		}
		out = append(out, e)
	}
	return out
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// Resolve returns the IP addresses of the endpoint's host, or its proxy's.
func (c *Client) Resolve(ctx context.Context, e Endpoint) ([]string, error) {
	host, _, err := net.SplitHostPort(e.Address)
	if err == nil {
		bounded, cancel := context.WithTimeout(ctx, c.cfg.Request.Timeout)
		defer cancel()
		var addresses []string
		if addresses, err = net.DefaultResolver.LookupHost(bounded, host); err == nil {
			return addresses, nil
		}
	}
	return nil, c.requestError(ctx, &call{op: "resolving the host name of " + e.Address}, err)
}

// Connect opens a TCP connection to the endpoint, or its proxy, and closes it.
func (c *Client) Connect(ctx context.Context, e Endpoint) error {
	conn, err := c.dial(ctx, "tcp", e.Address)
	if err != nil {
		return c.requestError(ctx, &call{op: "connecting to " + e.Address}, err)
	}
	return conn.Close()
}

// Certificate is what a TLS handshake showed.
type Certificate struct {
	// Version is the version of TLS, such as "TLS 1.3".
	Version string
	// Subject is the distinguished name of its owner.
	Subject string
	// Names are the hosts that the certificate is for.
	Names []string
	// NotAfter is when it expires.
	NotAfter time.Time
}

// Handshake makes a TLS handshake with an https endpoint, through the proxy if there is
// one, and returns its certificate. It sends no credentials.
func (c *Client) Handshake(ctx context.Context, e Endpoint) (Certificate, error) {
	call := &call{op: "the TLS handshake with " + e.URL.Host}
	// A request of its own leaves proxies to net/http; the answer
	// doesn't matter.
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, e.URL.Scheme+"://"+e.URL.Host+"/", nil)
	if err != nil {
		return Certificate{}, c.requestError(ctx, call, err)
	}
	req.Header.Set("User-Agent", c.userAgent)
	resp, err := c.transports[e.URL.Hostname()].RoundTrip(req)
	if err != nil {
		return Certificate{}, c.requestError(ctx, call, err)
	}
	defer resp.Body.Close()
	if resp.TLS == nil || len(resp.TLS.PeerCertificates) == 0 {
		return Certificate{}, &Error{Failure: FailureTLS, Op: call.op, Reason: "the address is http://, there is no TLS"}
	}
	leaf := resp.TLS.PeerCertificates[0]
	return Certificate{
		Version:  tls.VersionName(resp.TLS.Version),
		Subject:  clean(leaf.Subject.String()),
		Names:    namesOf(leaf),
		NotAfter: leaf.NotAfter,
	}, nil
}
