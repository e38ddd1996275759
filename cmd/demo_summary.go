// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
	"github.com/threatqbeat/threatqbeat/module/threatq/threat"
)

// summary is the latest event of each indicator of a file.
type summary struct {
	now    time.Time
	latest map[int64]latestEvent
}

// latestEvent is what the latest event of an indicator says.
type latestEvent struct {
	typ     string // threat.indicator.type
	expires time.Time
	reason  string
}

func summariseFile(name string, now time.Time) (*summary, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading the collected events: %w", err)
	}
	defer file.Close()
	sum := &summary{now: now, latest: map[int64]latestEvent{}}
	decoder := json.NewDecoder(bufio.NewReaderSize(file, 1<<20))
	for n := 1; ; n++ {
		var event struct {
			Threat struct {
				Indicator struct {
					Type string `json:"type"`
				} `json:"indicator"`
			} `json:"threat"`
			ThreatQ struct {
				ID          int64     `json:"id"`
				IndicatorID int64     `json:"indicator_id"`
				ExpiredAt   time.Time `json:"ioc_expired_at"`
				Reason      string    `json:"ioc_expiration_reason"`
			} `json:"threatq"`
		}
		if err := decoder.Decode(&event); err == io.EOF {
			return sum, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading the collected events: event %d of %s: %w", n, name, err)
		}
		// The appliance gives each indicator one of the two, or both alike.
		id := cmp.Or(event.ThreatQ.ID, event.ThreatQ.IndicatorID)
		typ := event.Threat.Indicator.Type
		if event.ThreatQ.Reason == threat.RetiredReason {
			typ = sum.latest[id].typ
		}
		sum.latest[id] = latestEvent{typ, event.ThreatQ.ExpiredAt, event.ThreatQ.Reason}
	}
}

// differences counts the indicators that the appliance holds and that are missing or
// retired, and those that it does not hold and that are not retired.
func (s *summary) differences(held iter.Seq[simulator.Expected]) int {
	n, ids := 0, map[int64]bool{}
	for indicator := range held {
		ids[indicator.ID] = true
		if latest, ok := s.latest[indicator.ID]; !ok || latest.reason == threat.RetiredReason {
			n++
		}
	}
	for id, latest := range s.latest {
		if !ids[id] && latest.reason != threat.RetiredReason {
			n++
		}
	}
	return n
}

func (s *summary) print(out io.Writer) {
	types, states := map[string]int{}, map[string]int{}
	for _, latest := range s.latest {
		types[latest.typ]++
		state := "active"
		if !latest.expires.After(s.now) {
			state = "expired: " + latest.reason
		}
		states[state]++
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(count int, label string) { fmt.Fprintf(table, "%d\t  %s\n", count, label) }
	section := func(title string, counts map[string]int) {
		_ = table.Flush()
		fmt.Fprintln(out)
		fmt.Fprintf(table, "\t  %s\n", title)
		mostFrequentFirst := func(a, b string) int { return cmp.Or(counts[b]-counts[a], strings.Compare(a, b)) }
		for _, label := range slices.SortedFunc(maps.Keys(counts), mostFrequentFirst) {
			row(counts[label], label)
		}
	}
	section("INDICATORS BY TYPE", types)
	row(len(s.latest), "in all")
	section("ACTIVE AND EXPIRED", states)
	row(len(s.latest), "in all")
	_ = table.Flush()
}
