// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// summary counts the events of a file.
type summary struct {
	total      int
	unreadable int
	active     int
	types      map[string]int // indicators by threat.indicator.type
	expired    map[string]int // indicators that have expired, by reason
}

// summarised is what the summary reads of an event.
type summarised struct {
	Event struct {
		Kind string `json:"kind"`
	} `json:"event"`
	Threat struct {
		Indicator struct {
			Type string `json:"type"`
		} `json:"indicator"`
	} `json:"threat"`
	ThreatQ struct {
		ExpiredAt time.Time `json:"ioc_expired_at"`
		Reason    string    `json:"ioc_expiration_reason"`
	} `json:"threatq"`
}

func summariseFile(name string, now time.Time) (*summary, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading the collected events: %w", err)
	}
	defer file.Close()
	sum := &summary{types: map[string]int{}, expired: map[string]int{}}
	decoder := json.NewDecoder(bufio.NewReaderSize(file, 1<<20))
	for {
		var event summarised
		if err := decoder.Decode(&event); err == io.EOF {
			return sum, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading the collected events: event %d of %s: %w", sum.total+1, name, err)
		}
		sum.add(event, now)
	}
}

func (s *summary) add(event summarised, now time.Time) {
	s.total++
	if event.Event.Kind == "pipeline_error" {
		s.unreadable++
		return
	}
	s.types[event.Threat.Indicator.Type]++
	if event.ThreatQ.ExpiredAt.After(now) {
		s.active++
		return
	}
	s.expired[event.ThreatQ.Reason]++
}

func (s *summary) print(out io.Writer, took time.Duration) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(count int, label string) { fmt.Fprintf(table, "%d\t  %s\n", count, label) }
	section := func(title string, counts map[string]int) {
		_ = table.Flush()
		fmt.Fprintln(out)
		fmt.Fprintf(table, "\t  %s\n", title)
		// Most frequent first.
		labels := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
			if counts[a] != counts[b] {
				return counts[b] - counts[a]
			}
			return strings.Compare(a, b)
		})
		for _, label := range labels {
			row(counts[label], label)
		}
	}
	section("INDICATORS BY TYPE", s.types)
	if s.unreadable > 0 {
		row(s.unreadable, "(unreadable, kept as pipeline errors)")
	}
	row(s.total, "in all")

	states := map[string]int{"active": s.active}
	for reason, count := range s.expired {
		states["expired: "+reason] = count
	}
	section("ACTIVE AND EXPIRED", states)
	row(s.total-s.unreadable, "in all")
	_ = table.Flush()
	fmt.Fprintf(out, "\n%d indicators in %.1f s, %.0f per second.\n", s.total, took.Seconds(), float64(s.total)/took.Seconds())
}
