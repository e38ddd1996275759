// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"
)

// CollectedText returns Collected in words, such as "1,200 indicators".
func (c Cursor) CollectedText() string {
	if c.Collected == 1 {
		return "1 indicator"
	}
	return humanize.Comma(c.Collected) + " indicators"
}

// WriteJSON writes one JSON object per cursor and line.
func WriteJSON(out io.Writer, cursors []Cursor) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for _, c := range cursors {
		if err := encoder.Encode(c); err != nil {
			return fmt.Errorf("writing the cursor of %s: %w", c.Describe(), err)
		}
	}
	return nil
}

// WriteTable writes a table for people, with marks shortened and times relative to
// now.
func WriteTable(out io.Writer, cursors []Cursor, now time.Time) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "INPUT\tURL\tDATA COLLECTION\tMARK\tRECEIVED\tCOLLECTED\tLAST SWEEP")
	for _, c := range cursors {
		mark, received := shortMark(c.Mark), "never"
		if mark == "" {
			mark = "-"
		}
		if !c.Updated.IsZero() {
			received = humanize.RelTime(c.Updated, now, "ago", "from now")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", plain(c.InputID), plain(c.URL), plain(c.DataCollectionID), mark, received, humanize.Comma(c.Collected), c.Sweep.text(now))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}

// text says in a few words what the last sweep has come to.
func (s *SweepState) text(now time.Time) string {
	switch {
	case s == nil:
		return "never"
	case s.HeldBack > 0:
		return fmt.Sprintf("held back: %s of %s would be retired", humanize.Comma(int64(s.HeldBack)), humanize.Comma(int64(s.HeldBackOf)))
	case s.Error != "":
		return "did not count"
	default:
		return fmt.Sprintf("%s, %s known", humanize.RelTime(s.Completed, now, "ago", "from now"), humanize.Comma(int64(s.Known)))
	}
}

// shortMark shows both ends of a mark: marks of one collection often begin alike.
func shortMark(mark string) string {
	const head, tail = 12, 8
	runes := []rune(plain(mark))
	if len(runes) <= head+tail+1 {
		return string(runes)
	}
	return string(runes[:head]) + "…" + string(runes[len(runes)-tail:])
}

// plain keeps control characters from the table and the terminal.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
