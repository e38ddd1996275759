// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Verdict is the outcome of a step.
type Verdict string

// The verdicts.
const (
	OK      Verdict = "ok"
	Failed  Verdict = "failed"
	Skipped Verdict = "skipped"
	Warning Verdict = "warning" // of an output only
)

// The steps, in their order.
const (
	stepResolve = "resolve"
	stepConnect = "connect"
	stepTLS     = "tls"
	stepToken   = "token"
	stepPage    = "page"
	stepMap     = "map"
)

// Step is one step on the way to the data collection.
type Step struct {
	// Name is resolve, connect, tls, token, page or map.
	Name    string  `json:"step"`
	Verdict Verdict `json:"verdict"`
	// Duration is how long it took; 0 for a step that was skipped.
	Duration Duration `json:"duration_ms"`
	// Detail is what was found, or why the step failed or was skipped.
	Detail string `json:"detail,omitempty"`
	// Advice is what to do about a failure, in the imperative.
	Advice string `json:"advice,omitempty"`
}

// Duration is the duration of a step.
type Duration time.Duration

// MarshalJSON writes the duration in milliseconds.
func (d Duration) MarshalJSON() ([]byte, error) {
	return json.Marshal(float64(time.Duration(d).Microseconds()) / 1000)
}

// Report is what the examination of one input has found, also as it is written for
// machines.
type Report struct {
	Input            string `json:"input_id"`
	URL              string `json:"url"`
	DataCollectionID string `json:"data_collection_id"`
	// Passed tells whether no step failed.
	Passed bool `json:"passed"`
	// Steps holds all steps, those that were skipped included.
	Steps []Step `json:"steps"`
	// Total is the number of indicators in the collection, nil when unknown.
	Total *int64 `json:"total,omitempty"`
	// Read is the number of indicators on the page that was read.
	Read int `json:"read"`
	// Indicator is one indicator as published, nil when there is none.
	Indicator json.RawMessage `json:"indicator,omitempty"`
}

// Text returns the report for people.
func (r *Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Input %q: data collection %s of %s\n", r.Input, r.DataCollectionID, r.URL)
	for _, s := range r.Steps {
		took := ""
		if s.Verdict != Skipped {
			took = s.Duration.String()
		}
		line := fmt.Sprintf("  %-9s  %-7s  %9s  %s", s.Name, s.Verdict, took, printable(s.Detail))
		b.WriteString(strings.TrimRight(line, " ") + "\n")
		if s.Advice != "" {
			fmt.Fprintf(&b, "  %-9s  %-7s  %9s  What to do: %s.\n", "", "", "", printable(s.Advice))
		}
	}
	if r.Indicator != nil {
		var pretty bytes.Buffer
		if json.Indent(&pretty, r.Indicator, "    ", "  ") == nil {
			fmt.Fprintf(&b, "  One indicator as published:\n    %s\n", printable(pretty.String()))
		}
	}
	return b.String()
}

// String shows three digits or so.
func (d Duration) String() string {
	seconds := time.Duration(d).Seconds()
	switch {
	case seconds >= 1:
		return fmt.Sprintf("%.2f s", seconds)
	case seconds >= 0.01:
		return fmt.Sprintf("%.0f ms", seconds*1000)
	default:
		return fmt.Sprintf("%.1f ms", seconds*1000)
	}
}

// printable escapes the characters that control a terminal, because an attacker
// may have written what indicators and certificates say.
func printable(text string) string {
	var b strings.Builder
	for _, r := range text {
		if controls(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func controls(r rune) bool {
	return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r))
}
