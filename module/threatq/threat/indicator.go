// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"slices"

	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// indicator is one indicator as ThreatQ gave it, reduced to what an event
// needs. A field that was absent, null or empty has its zero value; so has one
// that could not be read, and then Problems says so.
type indicator struct {
	// Indicator is id and indicator_id, of which at least one is there.
	registry.Indicator

	// Type is the name of ThreatQ's indicator type, such as "IP Address".
	Type string
	// Value is what the indicator is about: an address, a hash, a URL...
	Value string
	// Status is the name of ThreatQ's status, such as "Active".
	Status string
	// Description is free text.
	Description string

	// Score is 0 to 10, when HasScore.
	Score    float64
	HasScore bool

	CreatedAt, UpdatedAt, PublishedAt, TouchedAt date
	ExpiresAt, ExpiredAt, ExpiresCalculatedAt    date

	// Attributes, in order, at most maxAttributes of them.
	Attributes []indicatorAttribute
	// Sources that reported the indicator, in order, at most maxListed of them.
	Sources []indicatorSource
	// Adversaries are the names of those that the indicator is linked to, in
	// order, at most maxListed of them.
	Adversaries []string

	// Problems says what was left out of the indicator and why, one clause for
	// each: maxProblems of them, and those that say what was cut.
	Problems []string
}

// indicatorAttribute is one piece of context about an indicator. A name may occur
// several times.
type indicatorAttribute struct {
	// Name is the key that attributeName makes of it.
	Name string
	// Value is the text of a string, number or boolean.
	Value string
}

// indicatorSource is one of those that reported an indicator.
type indicatorSource struct {
	// Name of the source.
	Name string
	// TLP is the name of its traffic light protocol marking, as received.
	TLP                    string
	PublishedAt, UpdatedAt date
}

// What an indicator may cost at most. ThreatQ stays far below. Whatever is sent
// must not take the memory of the process, nor make a document that no output
// accepts. What is cut or left out is named in error.message.
const (
	// maxTextBytes is the longest string of an event. It is far beyond what
	// Elasticsearch can search for: there ignore_above decides what is indexed,
	// and the whole value stays in the document.
	maxTextBytes = 128 << 10
	// maxNameBytes is the longest name of an attribute. A flattened field adds
	// it to each value, and both together have to fit into a term.
	maxNameBytes = 256
	// maxAttributes is how many attributes of an indicator are looked at.
	maxAttributes = 10_000
	// maxListed is how many sources and adversaries are looked at.
	maxListed = 1_000
	// maxListBytes is how much text each of these lists may hold together.
	maxListBytes = 1 << 20
	// maxProblems is how many problems of one indicator are named.
	maxProblems = 16
	// maxQuoted is how much of an unusable value a problem quotes.
	maxQuoted = 64
	// maxOriginalBytes is how much of an indicator event.original holds.
	maxOriginalBytes = 8 << 20
)

// reset makes i ready for the next indicator but keeps its memory, unless that
// has grown beyond what an ordinary indicator needs.
func (i *indicator) reset() {
	attributes, sources, adversaries := i.Attributes[:0], i.Sources[:0], i.Adversaries[:0]
	if cap(attributes) > 256 {
		attributes = nil
	}
	if cap(sources) > 256 {
		sources = nil
	}
	if cap(adversaries) > 256 {
		adversaries = nil
	}
	*i = indicator{Indicator: registry.Indicator{ID: registry.Missing, IndicatorID: registry.Missing}, Attributes: attributes, Sources: sources, Adversaries: adversaries}
}

// timestamp returns @timestamp of the event.
func (i *indicator) timestamp(fetched date) date {
	return firstDate(i.UpdatedAt, i.PublishedAt, i.CreatedAt, fetched)
}

// problem notes what was left out. Only the first ones are named.
func (i *indicator) problem(clause string) {
	switch {
	case slices.Contains(i.Problems, clause):
	case len(i.Problems) < maxProblems:
		i.Problems = append(i.Problems, clause)
	case len(i.Problems) == maxProblems:
		i.Problems = append(i.Problems, "more was left out")
	}
}

// cut notes that something was too much. It is always named: there are only so
// many things that can be, and the value of the clause depends on no input.
func (i *indicator) cut(clause string) {
	if !slices.Contains(i.Problems, clause) {
		i.Problems = append(i.Problems, clause)
	}
}
