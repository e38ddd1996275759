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
	"sync/atomic"
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

	pages atomic.Int64 // served in this run
	mu    sync.Mutex
	first time.Time // first request for a page
	last  time.Time // last page without indicators
}

// result is what one run cost.
type result struct {
	cpu        time.Duration // user and system
	wall       time.Duration // first request for a page to the last, empty one; of the floor, publishing
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
	return s.runIn(home, p, nil)
}

// runIn runs a program in a home until it has collected everything and, where
// there is a function after, until that returns.
func (s *scene) runIn(home string, p program, after func(), args ...string) (result, error) {
	configFile := filepath.Join(home, "bench.yml")
	if err := writeConfig(configFile, p.config(s)); err != nil {
		return result{}, err
	}
	s.reset()

	cmd := exec.Command(p.binary, slices.Concat(p.args, args, []string{"-c", configFile, "--path.home", home, "--strict.perms=false"})...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	exited := make(chan error, 1)
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return result{}, fmt.Errorf("starting %s: %w", p.name, err)
	}
	go func() { exited <- cmd.Wait() }()

	const limit = 10 * time.Minute
	deadline := time.After(limit)
	ended := false
	var peak int64
	for !ended && !s.drained() {
		select {
		case err := <-exited:
			if err != nil || !p.ends {
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
		time.Sleep(time.Second)
		if after != nil {
			after()
		}
		peak = max(peak, residentPeak(cmd.Process.Pid))
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-exited
	}
	state := cmd.ProcessState
	r := result{cpu: state.UserTime() + state.SystemTime(), peak: peak}
	if ended {
		nanoseconds, err := strconv.ParseInt(strings.TrimSpace(stdout.String()), 10, 64)
		if err != nil {
			return result{}, fmt.Errorf("reading how long %s took: %w", p.name, err)
		}
		r.wall = time.Duration(nanoseconds)
		return r, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r.wall, r.firstStart = s.last.Sub(s.first), s.first.Sub(start)
	return r, nil
}

// medians runs programs in turn, so that what else the machine does hits all of
// them, and returns the median of each figure of each.
func (s *scene) medians(programs []program, runs int) ([]result, error) {
	all := make([][]result, len(programs))
	for range runs {
		for i, p := range programs {
			r, err := s.run(p)
			if err != nil {
				return nil, err
			}
			all[i] = append(all[i], r)
		}
	}
	medians := make([]result, len(programs))
	for i, results := range all {
		medians[i] = result{
			cpu:        medianOf(results, func(r result) time.Duration { return r.cpu }),
			wall:       medianOf(results, func(r result) time.Duration { return r.wall }),
			firstStart: medianOf(results, func(r result) time.Duration { return r.firstStart }),
			peak:       medianOf(results, func(r result) int64 { return r.peak }),
		}
	}
	return medians, nil
}

func medianOf[R any, F ~int64](runs []R, figure func(R) F) F {
	figures := make([]F, len(runs))
	for i, r := range runs {
		figures[i] = figure(r)
	}
	slices.Sort(figures)
	return figures[len(figures)/2]
}

// idle returns the CPU time per second of a program that has nothing to do.
func (s *scene) idle(p program, period time.Duration) (time.Duration, error) {
	home, err := os.MkdirTemp(s.dir, "home-")
	if err != nil {
		return 0, fmt.Errorf("creating a home for %s: %w", p.name, err)
	}
	defer os.RemoveAll(home)
	// After the first run there is nothing new.
	if _, err := s.runIn(home, p, nil); err != nil {
		return 0, err
	}
	briefly, err := s.runIn(home, p, nil)
	if err != nil {
		return 0, err
	}
	longer, err := s.runIn(home, p, func() { time.Sleep(period) })
	if err != nil {
		return 0, err
	}
	return max(longer.cpu-briefly.cpu, 0) * time.Second / period, nil
}

// reset forgets the last run.
func (s *scene) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.first, s.last = time.Time{}, time.Time{}
	s.pages.Store(0)
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
