// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/client"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

const (
	pageSize = 1000
	limit    = 10 * time.Minute // of a run
)

// result is what one run cost.
type result struct {
	cpu   time.Duration // user and system
	wall  time.Duration // first request for a page to the last, empty one; of a floor, publishing
	start time.Duration // process start to the first request for a page
	peak  int64         // resident bytes at most
}

// bench is what the programs are measured with.
type bench struct {
	dir  string // for their files
	runs int
	into *acceptor // where they publish to; nil for the discard output
}

// medians collects from an appliance of so many indicators, whose pages are
// rendered beforehand so that serving them costs next to nothing. The programs
// run in turn, so that what else the machine does hits all of them. It returns
// the median of each figure of each.
func (b bench) medians(indicators int, latency time.Duration, programs ...program) ([]result, error) {
	appliance, err := simulator.New(simulator.Config{Indicators: indicators, Seed: 1, PageCacheBytes: 4 << 30, Latency: latency})
	if err != nil {
		return nil, err
	}
	appliance.Warm(pageSize, fields)
	server, err := appliance.Start("")
	if err != nil {
		return nil, err
	}
	defer server.Close()
	all := make([][]result, len(programs))
	for range b.runs {
		for i, p := range programs {
			appliance.ResetStats()
			r, err := b.run(p, server.URL, appliance)
			if err != nil {
				return nil, fmt.Errorf("running %s: %w", p.name, err)
			}
			all[i] = append(all[i], r)
		}
	}
	results := make([]result, len(programs))
	for i := range all {
		results[i] = result{
			cpu:   median(all[i], func(r result) time.Duration { return r.cpu }),
			wall:  median(all[i], func(r result) time.Duration { return r.wall }),
			start: median(all[i], func(r result) time.Duration { return r.start }),
			peak:  median(all[i], func(r result) int64 { return r.peak }),
		}
	}
	return results, nil
}

func median[F ~int64](runs []result, figure func(result) F) F {
	figures := make([]F, len(runs))
	for i, r := range runs {
		figures[i] = figure(r)
	}
	slices.Sort(figures)
	return figures[len(figures)/2]
}

// run runs the program until it has collected everything, or ends by itself.
func (b bench) run(p program, url string, appliance *simulator.Simulator) (r result, err error) {
	if p.binary == "" {
		return requests(url, appliance)
	}
	home, err := os.MkdirTemp(b.dir, "home-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(home)
	file := filepath.Join(home, "bench.yml")
	output := discard
	if b.into != nil {
		output = b.into.output()
		b.into.documents.Store(0)
	}
	if err := os.WriteFile(file, []byte(p.config(url, appliance.Len())+output+quiet), 0o600); err != nil {
		return r, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.binary, append(p.args, "-c", file, "--path.home", home, "--strict.perms=false")...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return r, err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	for drained := false; !drained; {
		select {
		case err := <-exited:
			if _, scanErr := fmt.Sscan(stdout.String(), (*int64)(&r.wall)); err != nil || scanErr != nil {
				return r, fmt.Errorf("it ended: %w\n%s", errors.Join(err, scanErr), stderr.String())
			}
			r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			return r, nil
		case <-time.After(time.Millisecond):
		}
		r.peak = max(r.peak, residentPeak(cmd.Process.Pid))
		stats := appliance.Stats()
		if stats.Tokens > 0 && r.start == 0 { // the first page is asked for at once
			r.start = time.Since(started)
		}
		drained = stats.Pages > 0 && stats.Served[stats.Pages-1].Indicators == 0 &&
			(b.into == nil || b.into.documents.Load() >= int64(appliance.Len()))
	}
	r.wall = time.Since(started) - r.start
	time.Sleep(time.Second) // what is in the queue belongs to the work
	r.peak = max(r.peak, residentPeak(cmd.Process.Pid))
	_ = cmd.Process.Signal(syscall.SIGTERM)
	<-exited
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return r, nil
}

// requests is what the requests alone take: one page after the other, and
// nothing done with them.
func requests(url string, appliance *simulator.Simulator) (r result, err error) {
	sim := appliance.Config()
	cfg := config.DefaultInput()
	cfg.URL, cfg.DataCollectionID, cfg.PageSize = url, sim.DataCollectionID, pageSize
	cfg.Auth.OAuth2.Client.ID, cfg.Auth.OAuth2.Client.Secret = sim.ClientID, config.NewSecret(sim.ClientSecret)
	cl, err := client.New(cfg, logp.NewNopLogger(), client.Options{})
	if err != nil {
		return r, err
	}
	defer cl.Close()
	if err := cl.Token(context.Background()); err != nil {
		return r, err
	}
	start := time.Now()
	for mark, last := simulator.StartMark, false; !last; {
		page, err := cl.Page(context.Background(), mark)
		if err != nil {
			return r, err
		}
		mark, last = page.NextCursorMark, page.Last()
		page.Release()
	}
	r.wall = time.Since(start)
	return r, nil
}

// residentPeak reads how much memory a process had resident at most. The figure
// that wait returns is not used: it counts the parent's memory at the fork.
func residentPeak(pid int) (bytes int64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if _, rest, ok := strings.Cut(string(text), "VmHWM:"); ok {
		_, _ = fmt.Sscan(rest, &bytes)
	}
	return bytes << 10
}
