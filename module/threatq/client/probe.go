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
)

// Endpoint is one address that the Client talks to, taken apart for whoever
// wants to test the way to it step by step.
type Endpoint struct {
	// Name is "data" or "token".
	Name string
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
	for _, e := range []Endpoint{{Name: "data", URL: c.dataURL}, {Name: "token", URL: c.tokenURL}} {
		target := e.URL
		if proxy := c.transports.proxyOf(e.URL); proxy != nil {
			e.Proxy = proxy.Scheme + "://" + proxy.Host
			target = proxy
		}
		e.Address = hostPort(target)
		out = append(out, e)
	}
	return out
}

// hostPort returns the host and the port of an address.
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
	// Subject and Issuer are distinguished names.
	Subject, Issuer string
	// Names are the hosts that the certificate is for.
	Names []string
	// NotAfter is when it expires.
	NotAfter time.Time
}

// Handshake shakes hands with an https endpoint, through the proxy if there is
// one, and returns its certificate. It sends no credentials.
func (c *Client) Handshake(ctx context.Context, e Endpoint) (Certificate, error) {
	call := &call{op: "shaking hands over TLS with " + e.URL.Host}
	// A request of its own leaves proxies to net/http; what it is answered
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
		return Certificate{}, &Error{Kind: KindTLS, Op: call.op, Reason: "the address is http://, there is no TLS"}
	}
	leaf := resp.TLS.PeerCertificates[0]
	return Certificate{
		Version:  tls.VersionName(resp.TLS.Version),
		Subject:  clean(leaf.Subject.String()),
		Issuer:   clean(leaf.Issuer.String()),
		Names:    namesOf(leaf),
		NotAfter: leaf.NotAfter,
	}, nil
}

// String returns the certificate in one line.
func (c Certificate) String() string {
	return fmt.Sprintf("%s, %s, issued by %s, for %s, valid until %s",
		c.Version, c.Subject, c.Issuer, strings.Join(c.Names, ", "), c.NotAfter.UTC().Format(time.RFC3339))
}
