// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

// gridWidth is the number of columns of a Kibana dashboard's grid.
const gridWidth = 48

// A dashboard is one page: rows of panels on the active indicators.
type dashboard struct {
	id          string
	title       string
	description string
	filters     []filter // what the whole page is about
	intro       string   // the sentence below the navigation
	rows        []row
}

// A row holds panels of the same height, left to right. Their widths sum up to gridWidth.
type row struct {
	height int
	panels []panel
}

// A panel is one tile. Its id is unique within its dashboard.
type panel struct {
	id      string
	title   string
	width   int
	content content
}

// content is what a panel shows: markdown, a saved search or a chart.
type content interface {
	// render returns what Kibana stores for the panel, and what it refers to.
	render(p panel) rendered
}

// A savedSearch is a table of documents, sorted by sortBy with the newest first.
type savedSearch struct {
	id          string
	title       string
	description string
	query       string // KQL; empty for all
	columns     []string
	sortBy      string
}

// A filter narrows a dashboard to the documents whose field is one of the values, or lies after the
// date.
type filter struct {
	field  string
	values []string
	after  string // a date of Elasticsearch, such as now
	name   string // what the filter bar shows; required with after
}

// A fieldKind is what Lens calls the data type of a column.
type fieldKind string

const (
	kindString fieldKind = "string"
	kindIP     fieldKind = "ip"
	kindNumber fieldKind = "number"
)

// A terms is a column of the most frequent values of a field.
type terms struct {
	field string
	label string
	kind  fieldKind // kindString when empty
	size  int
	// missing shows the documents without the field as a value of its own.
	missing bool
}

// count shows how many indicators match a KQL query; all when it is empty.
type count struct{ query string }

// unique shows how many different values a field has, among what a KQL query
// matches.
type unique struct{ field, query string }

// pie shows the shares of a field's values.
type pie struct{ by terms }

// bars shows a field's most frequent values, one horizontal bar for each.
type bars struct{ by terms }

// kinds shows one horizontal bar for each of several queries.
type kinds struct {
	label string
	of    []kind
}

type kind struct{ label, query string }

// timeline shows how many indicators fall into each interval of a date field, split by another
// field. It ignores Kibana's time picker: an active indicator may be years old.
type timeline struct {
	field    string
	label    string
	interval string
	query    string
	split    terms
}

// table lists combinations of fields with their number of indicators, among what a
// KQL query matches.
type table struct {
	by    []terms
	query string
}

// documents embeds a saved search.
type documents struct{ search string }

// navigation links the dashboards with each other.
type navigation struct {
	intro   string // the sentence below the links
	current string // the id of the dashboard that it is on
}
