// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

type options struct {
	indicators int
	large      int
	pageSize   int
	runs       int
	out        string
	functions  bool
	profile    bool
}

func main() {
	var opts options
	flag.IntVar(&opts.indicators, "indicators", 200_000, "size of the data collection")
	flag.IntVar(&opts.large, "large", 1_000_000, "size of the large data collection, whose peak memory shall be the same; 0 leaves it out")
	flag.IntVar(&opts.pageSize, "page-size", 1000, "indicators on a page")
	flag.IntVar(&opts.runs, "runs", 3, "runs of each process; the median of each figure counts")
	flag.StringVar(&opts.out, "out", "build/bench", "directory for binaries, profiles and the table")
	flag.BoolVar(&opts.functions, "functions", true, "run the Go benchmarks of the steps first")
	flag.BoolVar(&opts.profile, "profile", true, "write profiles of threatqbeat (CPU, heap, allocations) in a run of its own")
	flag.Parse()
	if err := run(opts); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %s\n", err)
		os.Exit(1)
	}
}

func run(opts options) error {
	out, err := filepath.Abs(opts.out)
	if err != nil {
		return fmt.Errorf("resolving the directory %s: %w", opts.out, err)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("creating the directory %s: %w", out, err)
	}
	if opts.runs < 1 {
		return fmt.Errorf("-runs is %d: it must be at least 1", opts.runs)
	}
	if opts.functions {
		if err := benchFunctions(out); err != nil {
			return err
		}
	}
	programs, err := build(context.Background(), out)
	if err != nil {
		return err
	}

	small, err := newScene(out, opts.indicators, opts.pageSize, 0)
	if err != nil {
		return err
	}
	defer small.close()
	slow, err := newScene(out, opts.indicators, opts.pageSize, 50*time.Millisecond)
	if err != nil {
		return err
	}
	defer slow.close()

	t := table{opts: opts}
	results, err := small.medians(programs, opts.runs)
	if err != nil {
		return err
	}
	for i, r := range results {
		t.add(programs[i].name, r)
	}
	beat := programs[0]
	if t.slow, t.slowRequests, err = slow.withLatency(beat, opts.runs); err != nil {
		return err
	}
	if t.idle, err = small.idle(beat, 10*time.Second); err != nil {
		return err
	}
	if opts.large > 0 {
		large, err := newScene(out, opts.large, opts.pageSize, 0)
		if err != nil {
			return err
		}
		defer large.close()
		// A peak is a matter of chance as well: as many runs as of the others.
		results, err := large.medians([]program{beat}, opts.runs)
		if err != nil {
			return err
		}
		t.large = results[0]
	}
	text := t.String()
	fmt.Print(text)
	if err := os.WriteFile(filepath.Join(out, "table.txt"), []byte(text), 0o644); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	if opts.profile {
		return small.profile(beat, out)
	}
	return nil
}
