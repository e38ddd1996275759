// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/transport/tlscommon"

	"github.com/threatqbeat/threatqbeat/config"
)

func TestProbe(t *testing.T) {
	ca := newAuthority(t)
	a := secure(t, certificate(ca.issue(t, -day, day, "127.0.0.1", "threatq.example.com")))
	p := newProxy(t, a.Listener.Addr().String(), "")
	for name, set := range map[string]func(*config.Input){
		"direct": func(c *config.Input) { c.URL = a.URL },
		"proxied": func(c *config.Input) {
			c.URL = "https://threatq.example.com"
			c.Request.ProxyURL = config.NewProxyURL(p.URL)
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig("")
			cfg.Request.SSL = config.NewSSL(&tlscommon.Config{CAs: []string{ca.pem}})
			set(&cfg)
			c, _, _ := newClient(t, cfg)
			ends := c.Endpoints()
			require.Len(t, ends, 2)

			addresses, err := c.Resolve(background, ends[0])
			require.NoError(t, err)
			assert.Equal(t, []string{"127.0.0.1"}, addresses)
			require.NoError(t, c.Connect(background, ends[0]))
			cert, err := c.Handshake(background, ends[0])
			require.NoError(t, err)
			assert.Equal(t, "TLS 1.3", cert.Version)
			assert.Equal(t, "CN=Example Appliance", cert.Subject)
			assert.Equal(t, []string{"threatq.example.com", "127.0.0.1"}, cert.Names)
			assert.WithinDuration(t, time.Now().Add(day), cert.NotAfter, time.Minute)
			for _, r := range a.requests {
				assert.Empty(t, r.Header.Get("Authorization"), "no credentials are sent")
			}
			require.NoError(t, c.Token(background))
			page, err := c.Page(background, "")
			require.NoError(t, err)
			page.Release()
			a.requests = nil
		})
	}
}

func TestProbeFails(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	listener.Close()
	c, _, _ := newClient(t, testConfig("https://"+address))
	end := c.Endpoints()[0]
	err = c.Connect(background, end)
	asError(t, err, FailureUnreachable)
	assert.Contains(t, err.Error(), "connecting to "+address+": the appliance at "+address+" refuses the connection")
	_, err = c.Handshake(background, end)
	asError(t, err, FailureUnreachable)

	a := secure(t, certificate(newAuthority(t).issue(t, -day, day, "127.0.0.1")))
	c, _, _ = newClient(t, testConfig(a.URL))
	_, err = c.Handshake(background, c.Endpoints()[0])
	asError(t, err, FailureTLS)
	assert.Contains(t, err.Error(), "the TLS handshake with "+a.Listener.Addr().String()+": the appliance's certificate is issued by an authority that is not trusted here")

	plain := newAppliance(t, says(onePage))
	c, _, _ = newClient(t, plain.config())
	_, err = c.Handshake(background, c.Endpoints()[0])
	asError(t, err, FailureTLS)
	assert.Contains(t, err.Error(), "there is no TLS")

	ctx, cancel := context.WithCancel(background)
	cancel()
	_, err = c.Resolve(ctx, Endpoint{Address: "threatq.example.com:443"})
	asError(t, err, FailureCanceled)
	asError(t, c.Connect(ctx, end), FailureCanceled)
}
