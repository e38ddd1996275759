// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server serves a Simulator.
type Server struct {
	// URL is the base URL of the appliance, without a trailing slash.
	URL string

	http   *http.Server
	cancel context.CancelFunc
	served chan struct{}
	err    error

	close  sync.Once
	active sync.RWMutex // read by each request, written when all have ended
}

// Start serves the simulator over HTTP at addr, such as 127.0.0.1:0 or, for short, an empty string. Unless
// Config.AllowRemote is set, addr must be a loopback address.
func (s *Simulator) Start(addr string) (*Server, error) {
	addr = cmp.Or(addr, "127.0.0.1:0")
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
	srv.http = &http.Server{
		Handler:           srv.track(s),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 30 * time.Second,
		// With faults on demand, clients that go away are what is asked for.
		ErrorLog: log.New(io.Discard, "", 0),
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
