// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
)

// CollectedText returns Collected in words, such as "1,200 indicators".
func (c Cursor) CollectedText() string {
	return humanize.Comma(c.Collected) + " " + english.PluralWord(int(c.Collected), "indicator", "")
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

// text is the result of the last sweep in a few words.
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

// Selection says which cursors are meant.
type Selection struct {
	// IDs are the ids of inputs; each stands for all cursors of that input.
	IDs []string
	// All stands for the cursors of every input.
	All bool
	// URL and DataCollectionID, where set, narrow down what IDs or All name.
	URL              string
	DataCollectionID string
}

// Validate refuses a selection that leaves open what is meant.
func (s Selection) Validate() error {
	switch {
	case s.All && len(s.IDs) > 0:
		return errors.New("--all and ids of inputs exclude each other: name the inputs, or use --all")
	case !s.All && len(s.IDs) == 0:
		return errors.New("name the inputs by their ids, or use --all for all of them")
	case slices.Contains(s.IDs, ""):
		return errors.New("an id is empty: name the inputs by their ids, or use --all for all of them")
	}
	return nil
}

// From returns the cursors that are meant. Everything that is named must be
// there: an error lists what there is.
func (s Selection) From(cursors []Cursor) ([]Cursor, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	var unknown []string
	for _, id := range s.IDs {
		if !slices.ContainsFunc(cursors, func(c Cursor) bool { return c.InputID == id }) {
			unknown = append(unknown, fmt.Sprintf("%q", id))
		}
	}
	if len(unknown) == 1 {
		return nil, fmt.Errorf("no cursor of an input %s is saved; %s", unknown[0], known(cursors))
	} else if len(unknown) > 1 {
		return nil, fmt.Errorf("no cursors of the inputs %s are saved; %s", strings.Join(unknown, ", "), known(cursors))
	}

	var selected, named []Cursor
	for _, c := range cursors {
		if !s.All && !slices.Contains(s.IDs, c.InputID) {
			continue
		}
		named = append(named, c)
		if (s.URL == "" || sameAppliance(s.URL, c.URL)) && (s.DataCollectionID == "" || s.DataCollectionID == c.DataCollectionID) {
			selected = append(selected, c)
		}
	}
	if len(selected) == 0 && len(named) > 0 {
		return nil, fmt.Errorf("no saved cursor is that of%s; there is that of %s", s.filters(), describeAll(named))
	}
	return selected, nil
}

func (s Selection) filters() string {
	text := ""
	if s.URL != "" {
		text += " url " + s.URL
	}
	if s.DataCollectionID != "" {
		text += " data collection " + s.DataCollectionID
	}
	return text
}

// known lists the inputs that have cursors.
func known(cursors []Cursor) string {
	var ids []string
	for _, c := range cursors {
		if id := fmt.Sprintf("%q", c.InputID); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return "no input has any"
	}
	return "these inputs have some: " + strings.Join(ids, ", ")
}

func describeAll(cursors []Cursor) string {
	texts := make([]string, len(cursors))
	for i, c := range cursors {
		texts[i] = c.Describe()
	}
	return strings.Join(texts, "; ")
}

// sameAppliance compares addresses that may end in a slash or /api.
func sameAppliance(a, b string) bool {
	trim := func(url string) string {
		return strings.TrimRight(strings.TrimSuffix(strings.TrimRight(url, "/"), "/api"), "/")
	}
	return strings.EqualFold(trim(a), trim(b))
}
