// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/transport/tlscommon"

	"github.com/threatqbeat/threatqbeat/config"
)

// proxy connects to one address, whatever the request names.
type proxy struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	to       string
	password string // "" for none
}

func newProxy(t testing.TB, to, password string) *proxy {
	p := &proxy{to: to, password: password}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.requests = append(p.requests, r)
	p.mu.Unlock()
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("me:"+p.password))
	if p.password != "" && r.Header.Get("Proxy-Authorization") != want {
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	upstream, err := net.Dial("tcp", p.to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer upstream.Close()
	if r.Method != http.MethodConnect {
		r.Header.Del("Proxy-Authorization")
		r.Close = true
		_ = r.Write(upstream)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_, _ = io.Copy(conn, upstream)
			conn.Close()
		}
		return
	}
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprint(conn, "HTTP/1.1 200 OK\r\n\r\n")
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(upstream, conn)
		upstream.Close()
	}()
	_, _ = io.Copy(conn, upstream)
	conn.Close()
	<-done
}

func TestProxy(t *testing.T) {
	ca := newAuthority(t)
	const host = "threatq.example.com"
	for name, test := range map[string]struct {
		names    []string // of the appliance's certificate
		password string   // that the proxy wants
		url      string   // of the proxy, PROXY stands for its host
		failure  Failure  // "" for no error
		want     string
	}{
		"fine":           {[]string{host}, "", "http://PROXY", "", ""},
		"with password":  {[]string{host}, "hunter22", "http://me:hunter22@PROXY", "", ""},
		"wrong password": {[]string{host}, "other", "http://me:hunter22@PROXY", FailureUnreachable, "the proxy does not connect: Proxy Authentication Required; check request.proxy_url"},
		// httpcommon alone would not check the name behind a proxy.
		"another host": {[]string{"threatq.example.org"}, "", "http://PROXY", FailureTLS, `the appliance's certificate is not for the host "threatq.example.com" but for threatq.example.org`},
	} {
		t.Run(name, func(t *testing.T) {
			a := secure(t, certificate(ca.issue(t, -day, day, test.names...)))
			p := newProxy(t, a.Listener.Addr().String(), test.password)
			cfg := testConfig("https://" + host)
			cfg.Request.ProxyURL = config.NewProxyURL(strings.Replace(test.url, "PROXY", p.Listener.Addr().String(), 1))
			cfg.Request.ProxyHeaders = map[string]config.Secret{"X-Team": config.NewSecret("soc-team")}
			cfg.Request.SSL = config.NewSSL(&tlscommon.Config{CAs: []string{ca.pem}})
			c, logs, _ := newClient(t, cfg)

			end := c.Endpoints()[0]
			assert.Equal(t, "http://"+p.Listener.Addr().String(), end.Proxy)
			assert.Equal(t, p.Listener.Addr().String(), end.Address)

			err := read(c)
			if test.failure == "" {
				require.NoError(t, err)
			} else {
				asError(t, err, test.failure)
				assert.Contains(t, err.Error(), test.want)
				assert.Empty(t, a.requests, "nothing is sent")
			}
			require.NotEmpty(t, p.requests)
			for _, r := range p.requests {
				assert.Equal(t, http.MethodConnect, r.Method)
				assert.Equal(t, "soc-team", r.Header.Get("X-Team"))
				assert.Empty(t, r.Header.Get("Authorization"))
			}
			text := logText(logs) + fmt.Sprint(err)
			assert.NotContains(t, text, "hunter22")
			assert.NotContains(t, text, base64.StdEncoding.EncodeToString([]byte("me:hunter22")))
		})
	}
}

func TestProxyOverHTTP(t *testing.T) {
	a := newAppliance(t, says(onePage))
	p := newProxy(t, a.Listener.Addr().String(), "hunter22")
	cfg := testConfig("http://threatq.example.com")
	cfg.Request.AllowInsecureHTTP = true
	cfg.Request.ProxyURL = config.NewProxyURL("http://me:hunter22@" + p.Listener.Addr().String())
	c, _, _ := newClient(t, cfg)
	require.NoError(t, read(c))

	cfg.Request.ProxyURL = config.NewProxyURL("http://" + p.Listener.Addr().String())
	c, _, _ = newClient(t, cfg)
	err := read(c)
	asError(t, err, FailureStatus)
	assert.Contains(t, err.Error(), "the proxy wants a user name and a password (407); put them into request.proxy_url")

	cfg.URL = a.URL
	cfg.Request.ProxyDisable = true
	c, _, _ = newClient(t, cfg)
	n := len(p.requests)
	require.NoError(t, read(c))
	assert.Len(t, p.requests, n, "the proxy is not used")
}

func TestProxyUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	listener.Close()
	cfg := testConfig("https://threatq.example.com")
	cfg.Request.ProxyURL = config.NewProxyURL("http://me:hunter22@" + address)
	c, _, _ := newClient(t, cfg)
	err = read(c)
	asError(t, err, FailureUnreachable)
	assert.Contains(t, err.Error(), "the proxy at "+address+" refuses the connection")
	assert.NotContains(t, err.Error(), "hunter22")
}
