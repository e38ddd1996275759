// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// sizes are those of the data collections of the table of growth.
var sizes = []int{10_000, 100_000, 1_000_000, 10_000_000}

// growthLimit is how long the collection of a size and its sweep may take.
const growthLimit = time.Hour

// grown is what a data collection of a size costs.
type grown struct {
	cpu      time.Duration // of the first cycle
	wall     time.Duration // likewise
	peak     int64         // until the end of the sweep
	kept     int64         // bytes in the data directory
	sweep    time.Duration
	sweeping time.Duration // CPU of the sweep

	verify    time.Duration // from start to exit
	verifying time.Duration // CPU of verify
	verified  int64         // peak memory of verify
}

// growth prints what data collections of growing sizes cost.
func growth(beat program) error {
	fmt.Printf("page size %d, discard output, one run each\n\n", pageSize)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "indicators\tCPU per indicator\tfirst collection\tpeak memory\ton disk\tsweep\tCPU of the sweep\tverify\tCPU of verify\tpeak of verify")
	for _, n := range sizes {
		g, err := beat.grow(n)
		if err != nil {
			return fmt.Errorf("collecting %d indicators: %w", n, err)
		}
		fmt.Fprintf(w, "%d\t%.1f µs\t%.1f s\t%.0f MB\t%.2f MB\t%.1f s\t%.1f s\t%.1f s\t%.1f s\t%.0f MB\n", n, float64(g.cpu.Nanoseconds())/1000/float64(n),
			g.wall.Seconds(), float64(g.peak)/1e6, float64(g.kept)/1e6, g.sweep.Seconds(), g.sweeping.Seconds(),
			g.verify.Seconds(), g.verifying.Seconds(), float64(g.verified)/1e6)
	}
	return w.Flush()
}

// grow has threatqbeat collect so many indicators, sweep once, and verify an alias that
// equals them. The appliance and the alias keep no page, so that the times are also those
// of making them.
func (p program) grow(indicators int) (g grown, err error) {
	appliance, err := simulator.New(simulator.Config{Indicators: indicators, Seed: 1})
	if err != nil {
		return g, err
	}
	server, err := appliance.Start("")
	if err != nil {
		return g, err
	}
	defer server.Close()
	home, err := os.MkdirTemp("", "threatqbeat-growth-")
	if err != nil {
		return g, err
	}
	defer os.RemoveAll(home)
	file := filepath.Join(home, "bench.yml")
	settings := strings.NewReplacer("page_size", "reconcile.interval: 1s, page_size", "level: error", "level: info").
		Replace(p.config(server.URL, indicators) + discard + quiet)
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		return g, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), growthLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.binary, append(p.args, "-c", file, "--path.home", home, "--strict.perms=false")...)
	log, err := cmd.StderrPipe()
	if err != nil {
		return g, err
	}
	if err := cmd.Start(); err != nil {
		return g, err
	}
	for lines := bufio.NewScanner(log); lines.Scan(); {
		var line struct {
			Message    string `json:"message"`
			DurationMS int64  `json:"duration_ms"`
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		took := time.Duration(line.DurationMS) * time.Millisecond
		switch line.Message {
		case "The cycle is complete.":
			if g.wall == 0 {
				g.wall, g.cpu = took, cpuTime(cmd.Process.Pid)
			}
		case "The sweep is complete.":
			g.sweep, g.sweeping = took, cpuTime(cmd.Process.Pid)-g.cpu
			g.peak = residentPeak(cmd.Process.Pid)
			_ = cmd.Process.Signal(syscall.SIGTERM)
		}
	}
	if err := cmd.Wait(); err != nil || g.sweep == 0 {
		return g, fmt.Errorf("it ended without a sweep: %w", errors.Join(err, ctx.Err()))
	}
	if err := p.verify(ctx, appliance, server.URL, home, &g); err != nil {
		return g, fmt.Errorf("verifying: %w", err)
	}
	err = filepath.WalkDir(filepath.Join(home, "data"), func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			g.kept += info.Size()
		}
		return err
	})
	return g, err
}

// verify runs the command verify against an alias that equals the collection.
func (p program) verify(ctx context.Context, appliance *simulator.Simulator, url, home string, g *grown) error {
	cluster := newAlias(appliance)
	defer cluster.Close()
	file := filepath.Join(home, "verify.yml")
	if err := os.WriteFile(file, []byte(p.config(url, appliance.Len())+cluster.output()+quiet), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, p.binary, "verify", "--wait", "1s", "-c", file, "--path.home", home, "--strict.perms=false")
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	for {
		select {
		case err := <-exited:
			g.verify, g.verifying = time.Since(started), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
			if err != nil {
				return fmt.Errorf("%w\n%s", err, printed.String())
			}
			return nil
		case <-time.After(10 * time.Millisecond):
			g.verified = max(g.verified, residentPeak(cmd.Process.Pid))
		}
	}
}

// cpuTime reads how much CPU time a process has had.
func cpuTime(pid int) time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	var user, system int64
	_, _ = fmt.Sscan(fields[11]+" "+fields[12], &user, &system)
	return time.Duration(user+system) * (time.Second / 100) // a tick
}
