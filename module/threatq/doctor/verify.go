// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
	"github.com/threatqbeat/threatqbeat/module/threatq/setup"
)

// Difference tells what is wrong with an indicator.
type Difference string

// The differences between the data collections and the active indicators; the list of
// differences says what each is.
const (
	Missing  Difference = "missing"
	Older    Difference = "older"
	Expired  Difference = "expired"
	Foreign  Difference = "foreign"
	Repeated Difference = "repeated"
)

// differences are all of them in the order of reports, what each is and what to do about
// it.
var differences = []struct {
	Difference
	what, advice string
}{
	{Missing, "active in ThreatQ, not under the alias", "verify --repair publishes them"},
	{Older, "under the alias in an older version", "verify --repair publishes them"},
	{Expired, "expired in ThreatQ, under the alias", "verify --repair publishes them, so that the transform takes them out"},
	{Foreign, "under the alias, in none of the data collections", "the next sweep retires those that this beat delivered, verify --retire-foreign all of them"},
	{Repeated, "under the alias in several documents", "look for a second transform or index: threatqbeat setup names them"},
}

// Finding is one indicator that differs.
type Finding struct {
	registry.Indicator
	Difference Difference
	// Input is the index of the target whose data collection holds the indicator,
	// -1 for none.
	Input int
	// Collected and Active are the versions in the data collection and under the
	// alias, registry.Uncertain where it isn't.
	Collected, Active registry.Version
}

// Verifier compares data collections with the active indicators in Elasticsearch.
type Verifier struct {
	// Targets are the inputs. They share what is under the alias for Namespaces.
	Targets []Target
	// Namespaces are the data_stream.namespace of all configured inputs whose
	// indicators are read.
	Namespaces []string
	// Partial says that other inputs write to these namespaces, so that what is in
	// none of the data collections is not judged.
	Partial bool
	// Elasticsearch is a connection with the cluster.
	Elasticsearch setup.Elasticsearch
	// Wait is how long after a first difference is looked once more: what changed
	// meanwhile may still be on its way to the alias.
	Wait time.Duration
	// Progress is called while reading with what is read and how much of it.
	Progress func(what string, n int)
	// Now and Sleep are the clock.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error

	collections []*collection
}

// Verify compares. What differs is looked at once more, after Wait, and reported
// only if it still differs then. The error says that a side could not be read.
func (v *Verifier) Verify(ctx context.Context) (*Comparison, error) {
	started := v.Now()
	if err := v.connect(); err != nil {
		return nil, err
	}
	result, err := v.look(ctx, nil)
	if err != nil {
		return nil, err
	}
	if len(result.Findings) > 0 {
		v.Progress("waiting", len(result.Findings))
		if err := v.Sleep(ctx, v.Wait); err != nil {
			return nil, err
		}
		first := result.Findings
		if result, err = v.look(ctx, indicatorsOf(first)); err != nil {
			return nil, err
		}
		result.Looks = 2
		result.Findings = common(first, result.Findings)
	}
	result.Duration = v.Now().Sub(started)
	return result, nil
}

// connect makes what reads the data collections, once.
func (v *Verifier) connect() error {
	for _, target := range v.Targets[len(v.collections):] {
		c, err := newCollection(target, v.Now)
		if err != nil {
			return err
		}
		v.collections = append(v.collections, c)
	}
	return nil
}

// Close closes the connections with the appliances.
func (v *Verifier) Close() {
	for _, c := range v.collections {
		c.client.Close()
	}
}

// look reads both sides and compares them. Of the pages on which one of wanted
// stands, the marks are kept.
func (v *Verifier) look(ctx context.Context, wanted []registry.Indicator) (*Comparison, error) {
	for _, c := range v.collections {
		progress := func(n int) { v.Progress("data collection of input "+c.input.ID, n) }
		if err := c.read(ctx, wanted, progress); err != nil {
			return nil, err
		}
	}
	now := v.Now()
	result := &Comparison{Namespaces: v.Namespaces, Looks: 1}
	for _, c := range v.collections {
		result.Inputs = append(result.Inputs, ComparedInput{
			ID: c.input.ID, URL: c.input.URL, DataCollectionID: c.input.DataCollectionID,
			Indicators: len(c.indicators), Active: c.active(now), Unreadable: c.unreadable,
		})
	}
	return result, v.compare(ctx, result, now.Unix())
}

// compare walks through both sides in the order of the identifiers, and counts what is
// active and notes what differs.
func (v *Verifier) compare(ctx context.Context, result *Comparison, now int64) error {
	add := func(i registry.Indicator, d Difference, input int, version, active registry.Version) {
		result.Findings = append(result.Findings, Finding{Indicator: i, Difference: d, Input: input, Collected: version, Active: active})
	}
	all := merge(v.collections)
	have, input, more := all.next(now)
	next := func() {
		if have.expires > now {
			result.Collected++
		}
		have, input, more = all.next(now)
	}
	// missing takes the indicators before one that is under the alias.
	missing := func(before func(registry.Indicator) bool) {
		for ; more && before(have.Indicator); next() {
			if have.expires > now {
				add(have.Indicator, Missing, input, have.version, registry.Uncertain)
			}
		}
	}
	var last registry.Indicator
	repeated := false
	v.Progress("active indicators", 0)
	for hit, err := range activeIndicators(ctx, v.Elasticsearch, v.Namespaces) {
		if err != nil {
			return err
		}
		if result.Active++; result.Active%progressEvery == 0 {
			v.Progress("active indicators", result.Active)
		}
		if result.Active > 1 && hit.Indicator == last {
			if !repeated {
				add(last, Repeated, -1, registry.Uncertain, hit.version)
			}
			repeated = true
			continue
		}
		last, repeated = hit.Indicator, false
		missing(func(i registry.Indicator) bool { return i.Compare(hit.Indicator) < 0 })
		switch {
		case !more || have.Indicator != hit.Indicator:
			if !v.Partial {
				add(hit.Indicator, Foreign, -1, registry.Uncertain, hit.version)
			}
			continue
		case have.expires <= now:
			add(hit.Indicator, Expired, input, have.version, hit.version)
		case hit.version < have.version:
			add(hit.Indicator, Older, input, have.version, hit.version)
		}
		next()
	}
	missing(func(registry.Indicator) bool { return true })
	return nil
}

// progressEvery is the number of documents between two calls of Progress.
const progressEvery = 10_000

func indicatorsOf(findings []Finding) []registry.Indicator {
	indicators := make([]registry.Indicator, 0, len(findings))
	for _, f := range findings {
		indicators = append(indicators, f.Indicator)
	}
	return slices.Compact(indicators)
}

// common returns the findings of the second look that the first look made, too.
// Both are sorted by indicator.
func common(first, second []Finding) []Finding {
	at := 0
	return slices.DeleteFunc(second, func(f Finding) bool {
		for at < len(first) && first[at].Indicator.Compare(f.Indicator) < 0 {
			at++
		}
		for n := at; n < len(first) && first[n].Indicator == f.Indicator; n++ {
			if first[n].Difference == f.Difference {
				return false
			}
		}
		return true
	})
}

// Comparison is what Verify found.
type Comparison struct {
	// Inputs has an entry for each target.
	Inputs []ComparedInput
	// Namespaces are those whose indicators were read, Active is how many there are
	// under the alias, Collected how many are active in the data collections.
	Namespaces        []string
	Active, Collected int
	// Findings has what differs, sorted by indicator.
	Findings []Finding
	// Looks is how often both sides were read.
	Looks    int
	Duration time.Duration
}

// ComparedInput says what the data collection of an input holds.
type ComparedInput struct {
	ID               string `json:"input_id"`
	URL              string `json:"url"`
	DataCollectionID string `json:"data_collection_id"`
	// Indicators is how many it holds, Active how many of these have not expired,
	// Unreadable how many more have no identifier that can be read.
	Indicators int `json:"indicators"`
	Active     int `json:"active"`
	Unreadable int `json:"unreadable"`
}

// Equal reports whether nothing differs.
func (c *Comparison) Equal() bool { return len(c.Findings) == 0 }

// summary says in one line how the comparison ended.
func (c *Comparison) summary() string {
	if c.Equal() {
		return fmt.Sprintf("Equal: the alias holds the %s active indicators of the data collection and nothing else.", humanize.Comma(int64(c.Collected)))
	}
	return fmt.Sprintf("Different: %s indicators.", humanize.Comma(int64(len(indicatorsOf(c.Findings)))))
}
