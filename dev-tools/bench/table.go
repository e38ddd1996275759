// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"fmt"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// table is what a comparison found out.
type table struct {
	opts         options
	names        []string
	results      map[string]result
	slow         time.Duration // first collection by threatqbeat with latency
	slowRequests time.Duration // the same requests alone
	large        result        // threatqbeat on the large collection
	idle         time.Duration // CPU time of threatqbeat per second without news
}

func (t *table) add(name string, r result) {
	if t.results == nil {
		t.results = map[string]result{}
	}
	t.names = append(t.names, name)
	t.results[name] = r
}

// String returns the figures and the ratios.
func (t *table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d indicators, page size %d, discard output, binaries as packaged for %s/%s, %d CPUs, medians of %d runs\n\n",
		t.opts.indicators, t.opts.pageSize, runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), t.opts.runs)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "process\tCPU per indicator\tfirst collection\tpeak memory\tstart to first page\t")
	for _, name := range t.names {
		r := t.results[name]
		fmt.Fprintf(w, "%s\t%.1f µs\t%.2f s\t%.0f MB\t%s\t\n", name, t.perIndicator(r), r.wall.Seconds(), megabytes(r.peak), startTime(r))
	}
	_ = w.Flush()

	b.WriteString("\n")
	w = tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ratio\tmeasured\twanted")
	beat, floor := t.results[nameBeat], t.results[nameFloor]
	row := func(what string, measured, wanted float64, op string) {
		fmt.Fprintf(w, "%s\t%.2f\t%s %.2f\t%s\n", what, measured, op, wanted, verdict(measured, wanted, op))
	}
	row("CPU, to Libbeat's floor", ratio(beat.cpu, floor.cpu), 1.6, "at most")
	fmt.Fprintf(w, "CPU, to the floor without normalisation\t%.2f\t\t\n", ratio(beat.cpu, t.results[nameLower].cpu))
	if filebeat, ok := t.results[nameFilebeat]; ok {
		row("CPU, to Filebeat", ratio(beat.cpu, filebeat.cpu), 0.2, "at most")
		row("speed of the first collection, to Filebeat", ratio(filebeat.wall, beat.wall), 4, "at least")
		row("peak memory, to Filebeat", float64(beat.peak)/float64(filebeat.peak), 0.6, "at most")
	}
	row("first collection with 50 ms per request, to the requests alone", ratio(t.slow, t.slowRequests), 1.15, "at most")
	if t.large.peak > 0 {
		row(fmt.Sprintf("peak memory of %d indicators, to that of %d", t.opts.large, t.opts.indicators),
			float64(t.large.peak)/float64(beat.peak), 1.1, "at most")
	}
	row("start to first request, in units of 300 ms", ratio(beat.firstStart, 300*time.Millisecond), 1, "at most")
	_ = w.Flush()
	fmt.Fprintf(&b, "\nidle: %.2f ms of CPU per second between cycles\n", float64(t.idle.Microseconds())/1000)
	return b.String()
}

func (t *table) perIndicator(r result) float64 {
	return float64(r.cpu.Nanoseconds()) / 1000 / float64(t.opts.indicators)
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }

func startTime(r result) string {
	if r.firstStart == 0 {
		return "-"
	}
	return fmt.Sprintf("%d ms", r.firstStart.Milliseconds())
}

func verdict(measured, wanted float64, op string) string {
	if op == "at most" && measured <= wanted || op == "at least" && measured >= wanted {
		return "reached"
	}
	return "MISSED"
}
