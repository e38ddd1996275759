// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/client"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// listen serves the appliance on a loopback port and notes when the first page
// was asked for and when an empty one was served.
func (s *scene) listen() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening on a loopback port: %w", err)
	}
	s.url = "http://" + listener.Addr().String()
	s.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, simulator.DataPath) {
			s.appliance.ServeHTTP(w, r)
			return
		}
		s.mu.Lock()
		if s.first.IsZero() {
			s.first = time.Now()
		}
		s.mu.Unlock()
		counted := &countingWriter{ResponseWriter: w}
		s.appliance.ServeHTTP(counted, r)
		// A page with an indicator is larger than this, an empty one is not.
		if counted.bytes < 400 {
			s.mu.Lock()
			if s.last.IsZero() {
				s.last = time.Now()
			}
			s.mu.Unlock()
			return
		}
		s.pages.Add(1)
	})}
	go func() { _ = s.server.Serve(listener) }()
	return nil
}

type countingWriter struct {
	http.ResponseWriter
	bytes int
}

func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.bytes += n
	return n, err
}

// Unwrap lets the appliance reach the connection.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// withLatency measures a first collection and the requests alone, in turn.
func (s *scene) withLatency(p program, runs int) (collection, requests time.Duration, err error) {
	var collections, alone []time.Duration
	for range runs {
		r, err := s.run(p)
		if err != nil {
			return 0, 0, err
		}
		took, err := s.requestTime()
		if err != nil {
			return 0, 0, err
		}
		collections, alone = append(collections, r.wall), append(alone, took)
	}
	self := func(d time.Duration) time.Duration { return d }
	return medianOf(collections, self), medianOf(alone, self), nil
}

// requestTime measures what the requests alone take: one page after the other,
// and nothing done with them.
func (s *scene) requestTime() (time.Duration, error) {
	sim := s.appliance.Config()
	cfg := config.DefaultInput()
	cfg.URL, cfg.DataCollectionID, cfg.PageSize = s.url, sim.DataCollectionID, s.pageSize
	cfg.Auth.OAuth2.Client.ID, cfg.Auth.OAuth2.Client.Secret = sim.ClientID, config.NewSecret(sim.ClientSecret)
	cl, err := client.New(cfg, logp.NewNopLogger())
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	if err := cl.Token(context.Background()); err != nil {
		return 0, err
	}
	start := time.Now()
	for mark := "*"; ; {
		page, err := cl.Page(context.Background(), mark)
		if err != nil {
			return 0, err
		}
		last := page.Last()
		mark = page.NextCursorMark
		page.Release()
		if last {
			return time.Since(start), nil
		}
	}
}
