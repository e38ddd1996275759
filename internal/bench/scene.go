// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// scene is an appliance to collect from, whose pages are rendered beforehand, so
// that serving them costs the contestants next to nothing.
type scene struct {
	appliance  *simulator.Simulator
	server     *http.Server
	url        string
	dir        string
	indicators int
	pageSize   int
	latency    time.Duration

	mu    sync.Mutex
	first time.Time // first request for a page
	last  time.Time // last page without indicators
}

// result is what one run cost.
type result struct {
	cpu        time.Duration // user and system
	wall       time.Duration // first request for a page to the last, empty one
	firstStart time.Duration // process start to the first request for a page
	peak       int64         // resident bytes at most
}

func newScene(out string, indicators, pageSize int, latency time.Duration) (*scene, error) {
	cfg := simulator.Config{Indicators: indicators, Seed: 1, PageCacheBytes: 4 << 30, Latency: latency}
	appliance, err := simulator.New(cfg)
	if err != nil {
		return nil, err
	}
	appliance.Warm(pageSize, "*,attributes,sources")
	dir, err := os.MkdirTemp(out, "scene-")
	if err != nil {
		return nil, fmt.Errorf("creating a directory in %s: %w", out, err)
	}
	s := &scene{appliance: appliance, dir: dir, indicators: indicators, pageSize: pageSize, latency: latency}
	return s, s.listen()
}

func (s *scene) close() {
	_ = s.server.Close()
	_ = os.RemoveAll(s.dir)
}

// run runs a program until it has collected everything.
func (s *scene) run(p program) (result, error) {
	home, err := os.MkdirTemp(s.dir, "home-")
	if err != nil {
		return result{}, fmt.Errorf("creating a home for %s: %w", p.name, err)
	}
	defer os.RemoveAll(home)
	return s.runIn(home, p, 0)
}

// runIn runs a program in a home until it has collected everything, and lets it
// go on for a while.
func (s *scene) runIn(home string, p program, goOn time.Duration, args ...string) (result, error) {
	configFile := filepath.Join(home, "bench.yml")
	if err := writeConfig(configFile, p.config(s)); err != nil {
		return result{}, err
	}
	s.mu.Lock()
	s.first, s.last = time.Time{}, time.Time{}
	s.mu.Unlock()

	cmd := exec.Command(p.binary, slices.Concat(p.args, args, []string{"-c", configFile, "--path.home", home, "--strict.perms=false"})...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	exited := make(chan error, 1)
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return result{}, fmt.Errorf("starting %s: %w", p.name, err)
	}
	go func() { exited <- cmd.Wait() }()

	// The floor ends by itself, the others go on for ever.
	const limit = 10 * time.Minute
	deadline := time.After(limit)
	ended := false
	var peak int64
	for !ended && !s.drained() {
		select {
		case err := <-exited:
			if err != nil || p.name != nameFloor {
				return result{}, fmt.Errorf("%s ended early: %w\n%s", p.name, err, stderr.String())
			}
			ended = true
		case <-deadline:
			_ = cmd.Process.Kill()
			return result{}, fmt.Errorf("%s did not collect everything within %s\n%s", p.name, limit, stderr.String())
		case <-time.After(time.Millisecond):
			peak = max(peak, residentPeak(cmd.Process.Pid))
		}
	}
	if !ended {
		// What is in the queue belongs to the work.
		time.Sleep(time.Second + goOn)
		peak = max(peak, residentPeak(cmd.Process.Pid))
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-exited
	}
	state := cmd.ProcessState
	r := result{cpu: state.UserTime() + state.SystemTime(), peak: peak}
	if ended {
		r.wall = time.Since(start)
	} else {
		s.mu.Lock()
		r.wall, r.firstStart = s.last.Sub(s.first), s.first.Sub(start)
		s.mu.Unlock()
	}
	return r, nil
}

// median returns the run with the median CPU time.
func (s *scene) median(p program, runs int) (result, error) {
	var results []result
	for range max(runs, 1) {
		r, err := s.run(p)
		if err != nil {
			return result{}, err
		}
		results = append(results, r)
	}
	slices.SortFunc(results, func(a, b result) int { return int(a.cpu - b.cpu) })
	return results[len(results)/2], nil
}

// idle returns the CPU time per second of a program that has nothing to do.
func (s *scene) idle(p program, period time.Duration) (time.Duration, error) {
	home, err := os.MkdirTemp(s.dir, "home-")
	if err != nil {
		return 0, fmt.Errorf("creating a home for %s: %w", p.name, err)
	}
	defer os.RemoveAll(home)
	// After the first run there is nothing new.
	if _, err := s.runIn(home, p, 0); err != nil {
		return 0, err
	}
	briefly, err := s.runIn(home, p, 0)
	if err != nil {
		return 0, err
	}
	longer, err := s.runIn(home, p, period)
	if err != nil {
		return 0, err
	}
	return max(longer.cpu-briefly.cpu, 0) * time.Second / period, nil
}

func (s *scene) profile(p program, file string) error {
	home, err := os.MkdirTemp(s.dir, "home-")
	if err != nil {
		return fmt.Errorf("creating a home for %s: %w", p.name, err)
	}
	defer os.RemoveAll(home)
	_, err = s.runIn(home, p, 0, "--cpuprofile", file)
	return err
}

func (s *scene) drained() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.last.IsZero()
}

// residentPeak reads how much memory a process had resident at most. The figure
// that wait returns is not used: it counts the parent's memory at the fork.
func residentPeak(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return kib << 10
		}
	}
	return 0
}
