// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Command bench compares whole processes on one machine in one go: threatqbeat,
// Libbeat's floor (ready-made events published to the discard output by the
// same pipeline), and Filebeat's httpjson input where FILEBEAT_BIN names a
// Filebeat. All collect from, or are sized by, the same simulated appliance. It
// prints CPU time, wall time and peak memory of each, and the ratios that
// docs/performance.md states.
//
// Times of different machines, or of different runs, say little; the ratios of
// one run are what to look at.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"text/tabwriter"
	"time"
)

const latency = 50 * time.Millisecond

func main() {
	indicators := flag.Int("indicators", 200_000, "size of the data collection")
	large := flag.Int("large", 1_000_000, "size of the large data collection, whose peak memory shall be the same")
	runs := flag.Int("runs", 3, "runs of each process; the median of each figure counts")
	profile := flag.String("cpuprofile", "", "write a profile of threatqbeat to this `file`, in a run of its own")
	flag.Parse()
	if err := bench(*indicators, *large, max(*runs, 1), *profile); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %s\n", err)
		os.Exit(1)
	}
}

func bench(indicators, large, runs int, profile string) error {
	dir, err := os.MkdirTemp("", "threatqbeat-bench-")
	if err != nil {
		return fmt.Errorf("creating a directory: %w", err)
	}
	defer os.RemoveAll(dir)
	programs, err := build(context.Background(), dir)
	if err != nil {
		return err
	}
	small, err := medians(dir, indicators, 0, runs, programs...)
	if err != nil {
		return err
	}
	slow, err := medians(dir, indicators, latency, runs, programs[0], program{name: "requests"})
	if err != nil {
		return err
	}
	flat, err := medians(dir, large, 0, runs, programs[0])
	if err != nil {
		return err
	}
	if profile != "" {
		beat := programs[0]
		// Libbeat's seccomp filter has no system calls for the profiler's timers.
		beat.args = append(beat.args, "--cpuprofile", profile, "-E", "seccomp.enabled=false")
		if _, err := medians(dir, indicators, 0, 1, beat); err != nil {
			return err
		}
	}

	fmt.Printf("%d indicators, page size %d, discard output, binaries as packaged for %s/%s, %d CPUs, medians of %d runs\n\n",
		indicators, pageSize, runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runs)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "process\tCPU per indicator\tfirst collection\tpeak memory\tstart to first page")
	for i, r := range small {
		fmt.Fprintf(w, "%s\t%.1f µs\t%.2f s\t%.0f MB\t%d ms\n", programs[i].name,
			float64(r.cpu.Nanoseconds())/1000/float64(indicators), r.wall.Seconds(), float64(r.peak)/1e6, r.start.Milliseconds())
	}
	fmt.Fprintln(w, "\nratio\tmeasured\twanted")
	row := func(what string, measured float64, wanted string) {
		fmt.Fprintf(w, "%s\t%.2f\t%s\n", what, measured, wanted)
	}
	beat, floor := small[0], small[1]
	row("CPU, to Libbeat's floor", ratio(beat.cpu, floor.cpu), "at most 1.6")
	row("CPU, to the floor that isn't normalised", ratio(beat.cpu, small[2].cpu), "")
	if len(small) > 3 {
		filebeat := small[3]
		row("CPU, to Filebeat", ratio(beat.cpu, filebeat.cpu), "at most 0.2")
		row("speed of the first collection, to Filebeat", ratio(filebeat.wall, beat.wall), "at least 4")
		row("peak memory, to Filebeat", ratio(beat.peak, filebeat.peak), "at most 0.6")
	}
	row(fmt.Sprintf("first collection with %s per request, to the requests alone", latency), ratio(slow[0].wall, slow[1].wall), "at most 1.15")
	row(fmt.Sprintf("peak memory of %d indicators, to that of %d", large, indicators), ratio(flat[0].peak, beat.peak), "at most 1.1")
	return w.Flush()
}

func ratio[F ~int64](a, b F) float64 { return float64(a) / float64(b) }
