// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zapcore"

	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"

	"github.com/threatqbeat/threatqbeat/config"
)

// authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t testing.TB) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Example Authority"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{cert, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// issue returns a certificate for names and addresses.
func (ca *authority) issue(t testing.TB, from, to time.Duration, names ...string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Example Appliance"},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, &key.PublicKey, ca.key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// secure starts an appliance over TLS.
func secure(t testing.TB, config *tls.Config) *appliance {
	a := &appliance{data: []http.HandlerFunc{says(onePage)}}
	a.Server = httptest.NewUnstartedServer(a)
	a.TLS = config
	a.Config.ErrorLog = log.New(io.Discard, "", 0)
	a.StartTLS()
	t.Cleanup(a.Close)
	return a
}

func certificate(cert tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}

const day = 24 * time.Hour

// The files that request.ssl names are read when the configuration is, and not again.
func TestTLSFilesAreReadOnce(t *testing.T) {
	ca := newAuthority(t)
	a := secure(t, certificate(ca.issue(t, -day, day, "127.0.0.1")))
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, []byte(ca.pem), 0o600))
	cfg, err := config.ReadInput(conf.MustNewConfigFrom(map[string]any{
		"type": "threatq", "id": "a", "url": a.URL, "data_collection_id": "0123456789abcdef",
		"auth.oauth2.client":                  map[string]any{"id": "client", "secret": "secret"},
		"request.ssl.certificate_authorities": []string{file},
	}), nil)
	require.NoError(t, err)
	require.NoError(t, os.Remove(file))
	for range 2 {
		c, _, _ := newClient(t, *cfg)
		require.NoError(t, read(c))
	}
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	good := ca.issue(t, -day, day, "127.0.0.1", "threatq.example.com")
	trusting := &tlscommon.Config{CAs: []string{ca.pem}}
	for name, test := range map[string]struct {
		server *tls.Config
		ssl    *tlscommon.Config
		want   string // of the error, "" for none
	}{
		"trusted":           {certificate(good), trusting, ""},
		"trusted, strict":   {certificate(good), &tlscommon.Config{CAs: []string{ca.pem}, VerificationMode: tlscommon.VerifyStrict}, ""},
		"not checked":       {certificate(good), &tlscommon.Config{VerificationMode: tlscommon.VerifyNone}, ""},
		"pinned":            {certificate(good), &tlscommon.Config{CAs: []string{ca.pem}, CASha256: []string{tlscommon.Fingerprint(ca.cert)}}, ""},
		"unknown authority": {certificate(good), nil, "the appliance's certificate is issued by an authority that is not trusted here; put the certificate of the authority that issued it into request.ssl.certificate_authorities"},
		"unknown, strict":   {certificate(good), &tlscommon.Config{VerificationMode: tlscommon.VerifyStrict}, "the appliance's certificate is issued by an authority that is not trusted here;"},
		"expired":           {certificate(ca.issue(t, -2*day, -day, "127.0.0.1")), trusting, "the appliance's certificate has expired on " + time.Now().Add(-day).UTC().Format("2006-01-02")},
		"not valid yet":     {certificate(ca.issue(t, day, 2*day, "127.0.0.1")), trusting, "the appliance's certificate is not valid before " + time.Now().Add(day).UTC().Format("2006-01-02")},
		"another host":      {certificate(ca.issue(t, -day, day, "threatq.example.org", "192.0.2.7")), trusting, `the appliance's certificate is not for the host "127.0.0.1" but for threatq.example.org, 192.0.2.7; use one of its names in url`},
		"host not checked":  {certificate(ca.issue(t, -day, day, "threatq.example.org")), &tlscommon.Config{CAs: []string{ca.pem}, VerificationMode: tlscommon.VerifyCertificate}, ""},
		"wrong pin":         {certificate(good), &tlscommon.Config{CAs: []string{ca.pem}, CASha256: []string{"AAAA"}}, "the appliance's certificate does not match request.ssl.ca_sha256"},
		"TLS 1.1 only":      {&tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, trusting, "the appliance ended the TLS handshake: protocol version not supported"},
		"TLS 1.2 only":      {&tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS12}, trusting, ""},
		"client certificate": {&tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAnyClientCert}, trusting,
			"the appliance ended the TLS handshake: certificate required; it may want a client certificate: set request.ssl.certificate and request.ssl.key"},
	} {
		t.Run(name, func(t *testing.T) {
			a := secure(t, test.server)
			cfg := a.config()
			if test.ssl != nil {
				cfg.Request.SSL = config.NewSSL(test.ssl)
			}
			c, logs, _ := newClient(t, cfg)
			err := read(c)
			if test.want == "" {
				require.NoError(t, err)
			} else {
				e := asError(t, err, FailureTLS)
				assert.Contains(t, err.Error(), "requesting a token from "+a.URL+"/api/token: "+test.want)
				assert.Equal(t, 1, e.Attempts, "the certificate would be the same")
				assert.Empty(t, a.requests, "nothing is sent")
			}
			warnings := 0
			for _, entry := range logs.All() {
				if entry.Level > zapcore.DebugLevel {
					warnings++
					assert.Contains(t, entry.Message, "request.ssl.verification_mode: none")
				}
			}
			assert.Equal(t, name == "not checked", warnings == 1, "%d", warnings)
		})
	}
}

func TestTLSLeastVersion(t *testing.T) {
	c, _, _ := newClient(t, testConfig("https://threatq.example.com"))
	assert.EqualValues(t, tls.VersionTLS12, c.tlsConfig("threatq.example.com").MinVersion)
	cfg := testConfig("https://threatq.example.com")
	cfg.Request.SSL = config.NewSSL(&tlscommon.Config{Versions: []tlscommon.TLSVersion{tlscommon.TLSVersion13}})
	c, _, _ = newClient(t, cfg)
	assert.EqualValues(t, tls.VersionTLS13, c.tlsConfig("threatq.example.com").MinVersion)
}

func TestTLSToPlainServer(t *testing.T) {
	a := newAppliance(t, says(onePage))
	c, _, _ := newClient(t, testConfig(strings.Replace(a.URL, "http:", "https:", 1)))
	err := read(c)
	asError(t, err, FailureTLS)
	assert.Contains(t, err.Error(), "the other side does not speak TLS; check the port in url, and whether it has to be http://")
}

// A handshake that stalls is given up after the timeout, and at once when the
// context ends.
func TestTLSStalls(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	cfg := testConfig("https://" + listener.Addr().String())
	cfg.Request.Timeout = 50 * time.Millisecond
	cfg.Request.Retry.MaxAttempts = 1
	c, _, _ := newClient(t, cfg)
	err = read(c)
	asError(t, err, FailureUnreachable)
	assert.Contains(t, err.Error(), "gives no answer within 50ms (request.timeout)")

	cfg.Request.Timeout = time.Minute
	c, _, _ = newClient(t, cfg)
	ctx, cancel := context.WithTimeout(background, 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = c.Page(ctx, "")
	asError(t, err, FailureCanceled)
	assert.Less(t, time.Since(start), 20*time.Second)
}
