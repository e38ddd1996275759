// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// profile lets a program collect everything in a run that isn't measured, and
// writes what it spends its time on (cpu.pprof), what it allocates
// (allocs.pprof) and what it holds in the middle of the work (heap.pprof).
func (s *scene) profile(p program, dir string) error {
	home, err := os.MkdirTemp(s.dir, "home-")
	if err != nil {
		return fmt.Errorf("creating a home for %s: %w", p.name, err)
	}
	defer os.RemoveAll(home)
	address, err := freeAddress()
	if err != nil {
		return err
	}
	base := p.config
	p.config = func(s *scene) map[string]any {
		cfg := base(s)
		// The system calls that Libbeat leaves a process don't include the timers
		// of the profiler.
		cfg["seccomp.enabled"] = false
		return cfg
	}

	s.reset()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	heap := make(chan error, 1)
	go func() {
		heap <- s.fetchHalfWay(ctx, "http://"+address+"/debug/pprof/heap", filepath.Join(dir, "heap.pprof"))
	}()
	var allocs error
	_, err = s.runIn(home, p, func() {
		allocs = fetch("http://"+address+"/debug/pprof/allocs", filepath.Join(dir, "allocs.pprof"))
	}, "--httpprof", address, "--cpuprofile", filepath.Join(dir, "cpu.pprof"))
	if err != nil {
		return err
	}
	cancel()
	return errors.Join(<-heap, allocs)
}

// fetchHalfWay fetches once half of the pages have been served.
func (s *scene) fetchHalfWay(ctx context.Context, url, file string) error {
	for int(s.pages.Load())*s.pageSize < s.indicators/2 {
		select {
		case <-ctx.Done():
			return fmt.Errorf("fetching %s: %w before half of the pages were served", url, ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
	return fetch(url, file)
}

func fetch(url, file string) error {
	resp, err := http.Get(url)
	if err != nil {
		return fmt.Errorf("fetching a profile: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("fetching a profile: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("fetching a profile from %s: %s", url, resp.Status)
	}
	if err := os.WriteFile(file, body, 0o644); err != nil {
		return fmt.Errorf("writing a profile: %w", err)
	}
	return nil
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
