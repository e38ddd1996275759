// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server serves a Simulator.
type Server struct {
	// URL is the base URL of the appliance, without a trailing slash.
	URL string
	// CAPEM is the certificate to trust, in PEM form. Empty without TLS.
	CAPEM []byte

	http   *http.Server
	cancel context.CancelFunc
	served chan struct{}
	err    error

	close  sync.Once
	active sync.RWMutex // read by each request, written when all have ended
}

// Start serves the simulator over HTTP at addr, such as 127.0.0.1:0 or, for short, an empty string. Unless
// Config.AllowRemote is set, addr must be a loopback address.
func (s *Simulator) Start(addr string) (*Server, error) { return s.start(addr, nil) }

// StartTLS is Start over HTTPS, with a certificate that it makes itself. Server.CAPEM is what to trust.
func (s *Simulator) StartTLS(addr string) (*Server, error) {
	cert, ca, err := selfSigned(time.Now())
	if err != nil {
		return nil, fmt.Errorf("making the certificate of the simulator: %w", err)
	}
	srv, err := s.start(addr, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	if err != nil {
		return nil, err
	}
	srv.CAPEM = ca
	return srv, nil
}

func (s *Simulator) start(addr string, tlsConfig *tls.Config) (*Server, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	if !s.cfg.AllowRemote {
		if err := checkLoopback(addr); err != nil {
			return nil, err
		}
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("starting the simulator at %s: %w", addr, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	srv := &Server{URL: "http://" + listener.Addr().String(), cancel: cancel, served: make(chan struct{})}
	// HTTP/1 only: faults of the connection have no counterpart in HTTP/2.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	srv.http = &http.Server{
		Handler:           srv.track(s),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 30 * time.Second,
		Protocols:         protocols,
		ErrorLog:          quietLog(),
	}
	if tlsConfig != nil {
		srv.URL = "https://" + listener.Addr().String()
		listener = tls.NewListener(listener, tlsConfig)
	}
	go func() {
		defer close(srv.served)
		if err := srv.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			srv.err = fmt.Errorf("serving the simulator at %s: %w", srv.URL, err)
		}
	}()
	return srv, nil
}

// track lets Close wait for requests.
func (srv *Server) track(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !srv.active.TryRLock() {
			panic(http.ErrAbortHandler)
		}
		defer srv.active.RUnlock()
		next.ServeHTTP(w, r)
	})
}

// Done is closed when the server has ended, by Close or by itself.
func (srv *Server) Done() <-chan struct{} { return srv.served }

// Close ends the server, all connections and all responses at once, and waits for them. It returns the error that
// had ended the server before, if any.
func (srv *Server) Close() error {
	srv.close.Do(func() {
		srv.cancel()
		_ = srv.http.Close() // the error is of the listener, and it is gone either way
		<-srv.served
		srv.active.Lock() // for good: no request is let in any more
	})
	return srv.err
}

func checkLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("the address of the simulator is %q, it must be a host and a port such as 127.0.0.1:8080: %w", addr, err)
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return &SettingError{
		Setting: "AllowRemote", Value: false,
		Want: fmt.Sprintf("true to listen on %s, which is no loopback address such as 127.0.0.1:8080", addr),
	}
}

// selfSigned makes a certificate for the loopback addresses, and returns it together with its PEM form.
func selfSigned(now time.Time) (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(now.UnixNano()),
		Subject:               pkix.Name{CommonName: "ThreatQ simulator"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(10 * 365 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, ca, nil
}

// quietLog swallows what net/http has to say about clients that go away and handshakes that fail: with faults on
// demand that is what is asked for.
func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }
