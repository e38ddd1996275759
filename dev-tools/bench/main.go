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
	"slices"
	"text/tabwriter"
	"time"
)

const latency = 50 * time.Millisecond

func main() {
	indicators := flag.Int("indicators", 200_000, "size of the data collection")
	large := flag.Int("large", 1_000_000, "size of the large data collection, whose peak memory shall be the same")
	runs := flag.Int("runs", 3, "runs of each process; the median of each figure counts")
	profile := flag.String("cpuprofile", "", "write a profile of threatqbeat to this `file`, in a run of its own")
	grow := flag.Bool("growth", false, "print the table of growth, to 10,000,000 indicators, and nothing else")
	flag.Parse()
	if err := measure(*grow, max(*runs, 1), *indicators, *large, *profile); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %s\n", err)
		os.Exit(1)
	}
}

func measure(grow bool, runs, indicators, large int, profile string) error {
	dir, err := os.MkdirTemp("", "threatqbeat-bench-")
	if err != nil {
		return fmt.Errorf("creating a directory: %w", err)
	}
	defer os.RemoveAll(dir)
	programs, plain, err := build(context.Background(), dir)
	if err != nil {
		return err
	}
	if grow {
		return growth(programs[0])
	}
	return compare(bench{dir: dir, runs: runs}, programs, plain, indicators, large, profile)
}

// compare prints the figures of all programs, and the ratios.
func compare(b bench, programs []program, plain program, indicators, large int, profile string) error {
	all := append(slices.Clip(programs), plain)
	small, err := b.medians(indicators, 0, all...)
	if err != nil {
		return err
	}
	slow, err := b.medians(indicators, latency, programs[0], program{name: "requests"})
	if err != nil {
		return err
	}
	flat, err := b.medians(large, 0, programs[0])
	if err != nil {
		return err
	}
	shipping := slices.DeleteFunc(slices.Clone(programs), func(p program) bool { return p.floor })
	toElasticsearch := b
	toElasticsearch.into = newAcceptor()
	defer toElasticsearch.into.Close()
	shipped, err := toElasticsearch.medians(indicators, 0, shipping...)
	if err != nil {
		return err
	}
	if profile != "" {
		beat := programs[0]
		// Libbeat's seccomp filter has no system calls for the profiler's timers.
		beat.args = append(beat.args, "--cpuprofile", profile, "-E", "seccomp.enabled=false")
		if _, err := (bench{dir: b.dir, runs: 1}).medians(indicators, 0, beat); err != nil {
			return err
		}
	}

	fmt.Printf("%d indicators, page size %d, binaries as packaged for %s/%s, %d CPUs, medians of %d runs\n\n",
		indicators, pageSize, runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), b.runs)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	table := func(output string, programs []program, results []result) {
		fmt.Fprintf(w, "process, %s\tCPU per indicator\tfirst collection\tpeak memory\tstart to first page\n", output)
		for i, r := range results {
			fmt.Fprintf(w, "%s\t%.1f µs\t%.2f s\t%.0f MB\t%d ms\n", programs[i].name,
				float64(r.cpu.Nanoseconds())/1000/float64(indicators), r.wall.Seconds(), float64(r.peak)/1e6, r.start.Milliseconds())
		}
		fmt.Fprintln(w)
	}
	table("discard output", all, small)
	table("Elasticsearch that only answers", shipping, shipped)
	fmt.Fprintln(w, "ratio\tmeasured\twanted")
	row := func(what string, measured float64, wanted string) {
		fmt.Fprintf(w, "%s\t%.2f\t%s\n", what, measured, wanted)
	}
	beat := small[0]
	row("CPU, to Libbeat's floor", ratio(beat.cpu, small[1].cpu), "at most 1.0")
	row("CPU, to the floor that isn't normalised", ratio(beat.cpu, small[2].cpu), "")
	for i, other := range shipping[1:] {
		r := small[len(programs)-len(shipping)+1+i]
		row("CPU, to "+other.name, ratio(beat.cpu, r.cpu), other.wanted.cpu)
		row("CPU with Elasticsearch, to "+other.name, ratio(shipped[0].cpu, shipped[1+i].cpu), other.wanted.shipping)
		row("speed of the first collection, to "+other.name, ratio(r.wall, beat.wall), other.wanted.speed)
		row("peak memory, to "+other.name, ratio(beat.peak, r.peak), other.wanted.peak)
		row("peak memory of go build's, to "+other.name, ratio(small[len(programs)].peak, r.peak), other.wanted.plainPeak)
	}
	row(fmt.Sprintf("first collection with %s per request, to the requests alone", latency), ratio(slow[0].wall, slow[1].wall), "at most 1.05")
	row(fmt.Sprintf("peak memory of %d indicators, to that of %d", large, indicators), ratio(flat[0].peak, beat.peak), "1, and the known indicators")
	return w.Flush()
}

func ratio[F ~int64](a, b F) float64 { return float64(a) / float64(b) }
