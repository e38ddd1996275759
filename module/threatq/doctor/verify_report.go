// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// maxExamples is how many indicators of each difference a report names.
const maxExamples = 5

// Text returns the comparison for people.
func (c *Comparison) Text() string {
	var b strings.Builder
	for _, in := range c.Inputs {
		fmt.Fprintf(&b, "Input %q: data collection %s of %s\n", in.ID, in.DataCollectionID, in.URL)
		fmt.Fprintf(&b, "  %s indicators, %s of them active\n", humanize.Comma(int64(in.Indicators)), humanize.Comma(int64(in.Active)))
		if in.Unreadable > 0 {
			fmt.Fprintf(&b, "  %s more have no id that can be read\n", humanize.Comma(int64(in.Unreadable)))
		}
	}
	fmt.Fprintf(&b, "Alias %s, namespace %s\n", assets.Alias, strings.Join(c.Namespaces, ", "))
	fmt.Fprintf(&b, "  %s active indicators, %s in the data collections\n", humanize.Comma(int64(c.Active)), humanize.Comma(int64(c.Collected)))
	for _, d := range differences {
		n, examples := c.of(d.Difference)
		if n == 0 {
			continue
		}
		fmt.Fprintf(&b, "  %-8s  %s  %s\n", d.Difference, humanize.Comma(int64(n)), d.what)
		for _, f := range examples {
			fmt.Fprintf(&b, "              %s\n", f.describe())
		}
		fmt.Fprintf(&b, "            What to do: %s.\n", d.advice)
	}
	fmt.Fprintf(&b, "%s (%s)\n", c.summary(), c.Duration.Round(10*time.Millisecond))
	return b.String()
}

func (f Finding) describe() string {
	var parts []string
	for _, id := range []struct {
		name  string
		value int64
	}{{"threatq.id", f.ID}, {"threatq.indicator_id", f.IndicatorID}} {
		if id.value != registry.Missing {
			parts = append(parts, id.name+" "+strconv.FormatInt(id.value, 10))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "a document without threatq.id and threatq.indicator_id")
	}
	for _, version := range []struct {
		name string
		of   registry.Version
	}{{"in ThreatQ", f.Collected}, {"under the alias", f.Active}} {
		if at := dateOf(version.of); at != "" {
			parts = append(parts, version.name+" updated "+at)
		}
	}
	return strings.Join(parts, ", ")
}

// dateOf returns the date of a version, "" for one that has none.
func dateOf(v registry.Version) string {
	if v <= registry.Undated || v == registry.Gone {
		return ""
	}
	return time.Unix(int64(v), 0).UTC().Format(time.RFC3339)
}

// of returns how many findings are of a difference, and a few of them.
func (c *Comparison) of(d Difference) (count int, examples []Finding) {
	for _, f := range c.Findings {
		if f.Difference != d {
			continue
		}
		if count++; count <= maxExamples {
			examples = append(examples, f)
		}
	}
	return count, examples
}

// MarshalJSON writes the comparison for machines.
func (c *Comparison) MarshalJSON() ([]byte, error) {
	type example struct {
		ID          *int64 `json:"id,omitempty"`
		IndicatorID *int64 `json:"indicator_id,omitempty"`
		Input       string `json:"input_id,omitempty"`
		Collected   string `json:"collection_updated_at,omitempty"`
		Active      string `json:"alias_updated_at,omitempty"`
	}
	type difference struct {
		Count    int       `json:"count"`
		Examples []example `json:"examples"`
	}
	out := struct {
		Equal       bool                      `json:"equal"`
		Inputs      []ComparedInput           `json:"inputs"`
		Alias       string                    `json:"alias"`
		Namespaces  []string                  `json:"namespaces"`
		Collected   int                       `json:"active_in_collections"`
		Active      int                       `json:"active_under_alias"`
		Differences map[Difference]difference `json:"differences"`
		Looks       int                       `json:"looks"`
		DurationMS  int64                     `json:"duration_ms"`
	}{
		Equal: c.Equal(), Inputs: c.Inputs, Alias: assets.Alias, Namespaces: c.Namespaces, Collected: c.Collected, Active: c.Active,
		Differences: map[Difference]difference{}, Looks: c.Looks, DurationMS: c.Duration.Milliseconds(),
	}
	id := func(v int64) *int64 {
		if v == registry.Missing {
			return nil
		}
		return &v
	}
	for _, d := range differences {
		n, examples := c.of(d.Difference)
		entry := difference{Count: n, Examples: []example{}}
		for _, f := range examples {
			e := example{ID: id(f.ID), IndicatorID: id(f.IndicatorID), Collected: dateOf(f.Collected), Active: dateOf(f.Active)}
			if f.Input >= 0 {
				e.Input = c.Inputs[f.Input].ID
			}
			entry.Examples = append(entry.Examples, e)
		}
		out.Differences[d.Difference] = entry
	}
	return json.Marshal(out)
}
