// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/elastic/elastic-agent-libs/version"
)

const gridWidth = 48

// suits says which field types an operation of Lens works on, and what Lens calls those types.
var suits = map[string]map[string]string{
	"terms":          {"keyword": "string", "ip": "ip", "long": "number", "boolean": "boolean"},
	"unique_count":   {"keyword": "number", "ip": "number", "long": "number", "date": "number", "boolean": "number"},
	"date_histogram": {"date": "date"},
	"max":            {"date": "date", "long": "number"},
}

// filterable are the field types that a filter and a column of a search can have.
var filterable = []string{"keyword", "ip", "long", "date", "boolean", "wildcard"}

// checker collects what is wrong with a set of saved objects, given the types of the fields that
// the alias has.
type checker struct {
	fields   map[string]string
	byID     map[string]bool // type/id
	panels   map[string]bool // ids of panels, over all dashboards
	problems []string
}

func check(objects []KibanaObject, fields map[string]string) []string {
	c := &checker{fields: fields, byID: map[string]bool{}, panels: map[string]bool{}}
	var parsed []savedObject
	for _, o := range objects {
		key := o.Type + "/" + o.ID
		if c.byID[key] {
			c.add(key, "its id is taken")
		}
		c.byID[key] = true
		var s savedObject
		if err := json.Unmarshal(o.JSON, &s); err != nil {
			c.add(key, "it is not what Kibana stores: %s", err)
			continue
		}
		title := s.Attributes.Title
		if s.Type == "tag" {
			title = s.Attributes.Name
		}
		if s.Type != o.Type || s.ID != o.ID || title != o.Title {
			c.add(key, "it is called %s/%s (%s) within", s.Type, s.ID, title)
		}
		parsed = append(parsed, s)
	}
	for _, s := range parsed {
		where := s.Type + "/" + s.ID
		c.versions(where, s)
		c.references(where, s.References)
		switch s.Type {
		case "tag":
			if s.Attributes.Name != "Security Solution" {
				c.add(where, "Kibana's Security doesn't look for the tag %s", s.Attributes.Name)
			}
		case "index-pattern":
			c.dataView(where, s)
		case "search":
			c.search(where, s)
		case "dashboard":
			c.dashboard(where, s)
		default:
			c.add(where, "type %s is not expected", s.Type)
		}
	}
	return c.problems
}

func (c *checker) add(where, format string, args ...any) {
	c.problems = append(c.problems, where+": "+fmt.Sprintf(format, args...))
}

// versions checks that the oldest supported Kibana does not refuse the object for being newer.
func (c *checker) versions(where string, s savedObject) {
	oldest := version.MustNew(MinimumKibana)
	of := append(slices.Collect(maps.Values(s.MigrationVersion)), s.CoreMigrationVersion)
	for _, v := range of {
		if parsed, err := version.New(v); err != nil || oldest.LessThan(parsed) {
			c.add(where, "Kibana %s refuses an object of version %q", MinimumKibana, v)
		}
	}
	if s.MigrationVersion[s.Type] == "" {
		c.add(where, "it has no migration version")
	}
}

func (c *checker) references(where string, references []reference) {
	names := map[string]bool{}
	for _, r := range references {
		if names[r.Name] {
			c.add(where, "two references are called %s", r.Name)
		}
		names[r.Name] = true
		if !c.byID[r.Type+"/"+r.ID] {
			c.add(where, "reference %s is to %s/%s, which there is not", r.Name, r.Type, r.ID)
		}
	}
}

// refers checks that the object has a reference of that name and type.
func (c *checker) refers(where string, references []reference, name, kind string) {
	if !slices.ContainsFunc(references, func(r reference) bool { return r.Name == name && r.Type == kind }) {
		c.add(where, "there is no reference %s to a %s", name, kind)
	}
}

func (c *checker) dataView(where string, s savedObject) {
	if s.Attributes.Title != "logs-ti_threatq_latest.threat" {
		c.add(where, "it shows %s instead of the alias", s.Attributes.Title)
	}
	var formats map[string]any
	if err := json.Unmarshal([]byte(s.Attributes.FieldFormatMap), &formats); err != nil {
		c.add(where, "fieldFormatMap is no JSON: %s", err)
	}
	for field := range formats {
		c.field(where, field, filterable)
	}
}

func (c *checker) search(where string, s savedObject) {
	source := c.searchSource(where, s)
	c.refers(where, s.References, source.IndexRefName, "index-pattern")
	for _, name := range s.Attributes.Columns {
		c.field(where, name, filterable)
	}
	for _, by := range s.Attributes.Sort {
		c.field(where, by[0], filterable)
	}
}

func (c *checker) searchSource(where string, s savedObject) searchSource {
	var source searchSource
	if err := json.Unmarshal([]byte(s.Attributes.Meta.SearchSourceJSON), &source); err != nil {
		c.add(where, "searchSourceJSON: %s", err)
	}
	c.query(where, source.Query)
	for _, f := range source.Filter {
		c.refers(where, s.References, f.Meta.IndexRefName, "index-pattern")
		if f.Meta.Type == "custom" {
			var q struct {
				Range map[string]any `json:"range"`
			}
			if err := json.Unmarshal(f.Query, &q); err != nil || len(q.Range) != 1 {
				c.add(where, "the custom filter %s is no range", f.Query)
			}
			for field := range q.Range {
				c.field(where, field, []string{"date"})
			}
			continue
		}
		c.field(where, f.Meta.Key, filterable)
		if !strings.Contains(string(f.Query), `"`+f.Meta.Key+`"`) {
			c.add(where, "the filter on %s asks for something else", f.Meta.Key)
		}
	}
	return source
}

var (
	link = regexp.MustCompile(`\]\(([^)]*)\)`)
	// kqlField finds the names before an operator, outside of quotes.
	kqlField = regexp.MustCompile(`([@\w][\w.*@-]*)\s*(?::|<=|>=|<|>)`)
	quoted   = regexp.MustCompile(`"[^"]*"`)
)

func (c *checker) dashboard(where string, s savedObject) {
	c.searchSource(where, s)
	var panels []panel
	if err := json.Unmarshal([]byte(s.Attributes.PanelsJSON), &panels); err != nil {
		c.add(where, "panelsJSON: %s", err)
	}
	if !json.Valid([]byte(s.Attributes.OptionsJSON)) {
		c.add(where, "optionsJSON is no JSON")
	}
	c.grid(where, panels)
	used := map[string]bool{}
	for _, r := range s.References {
		used[r.Name] = strings.HasPrefix(r.Name, "kibanaSavedObjectMeta.") || r.Type == "tag"
	}
	if !slices.ContainsFunc(s.References, func(r reference) bool { return r.Type == "tag" }) {
		c.add(where, "Kibana's Security doesn't list it, because it has no tag")
	}
	links := map[string]bool{s.ID: true}
	for _, p := range panels {
		at := where + ", panel " + p.PanelIndex
		// Going from one dashboard to another, Kibana keeps what a panel of the same id showed.
		if c.panels[p.PanelIndex] {
			c.add(at, "its id is that of another panel")
		}
		c.panels[p.PanelIndex] = true
		if p.GridData.I != p.PanelIndex {
			c.add(at, "gridData.i is %s", p.GridData.I)
		}
		switch p.Type {
		case "lens":
			for _, r := range p.Config.Attributes.References {
				name := p.PanelIndex + ":" + r.Name
				used[name] = true
				if !slices.Contains(s.References, reference{ID: r.ID, Name: name, Type: r.Type}) {
					c.add(at, "the dashboard lacks its reference %s", name)
				}
			}
			c.lens(at, p)
		case "search":
			name := p.PanelIndex + ":" + p.PanelRefName
			used[name] = true
			c.refers(at, s.References, name, "search")
		case "visualization":
			for _, l := range link.FindAllStringSubmatch(p.Config.SavedVis.Params.Markdown, -1) {
				id, ok := strings.CutPrefix(l[1], "#/view/")
				if !ok || !c.byID["dashboard/"+id] {
					c.add(at, "the link %s leads nowhere", l[1])
				}
				links[id] = true
			}
		default:
			c.add(at, "type %s is not expected", p.Type)
		}
	}
	for name, ok := range used {
		if !ok {
			c.add(where, "no panel uses the reference %s", name)
		}
	}
	for key := range c.byID {
		if id, ok := strings.CutPrefix(key, "dashboard/"); ok && !links[id] {
			c.add(where, "it has no link to %s", id)
		}
	}
}

// grid checks that each panel has its own place within the width.
func (c *checker) grid(where string, panels []panel) {
	taken := map[[2]int]string{}
	for _, p := range panels {
		g := p.GridData
		if g.I != p.PanelIndex || g.W <= 0 || g.H <= 0 || g.X+g.W > gridWidth {
			c.add(where, "panel %s has no proper place: %+v", p.PanelIndex, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok {
					c.add(where, "panels %s and %s overlap", other, p.PanelIndex)
					return
				}
				taken[[2]int{x, y}] = p.PanelIndex
			}
		}
	}
}

func (c *checker) lens(where string, p panel) {
	if p.Title == "" {
		c.add(where, "it has no title")
	}
	state := p.Config.Attributes.State
	c.query(where, state.Query)
	layers := state.DatasourceStates.IndexPattern.Layers
	if len(layers) != 1 {
		c.add(where, "it has %d layers", len(layers))
	}
	for id, l := range layers {
		c.refers(where, p.Config.Attributes.References, "indexpattern-datasource-layer-"+id, "index-pattern")
		if got, want := slices.Sorted(slices.Values(l.ColumnOrder)), slices.Sorted(maps.Keys(l.Columns)); !slices.Equal(got, want) {
			c.add(where, "columnOrder is %v, but the columns are %v", got, want)
		}
		shown := accessors(state.Visualization, id)
		if !slices.Equal(shown, slices.Sorted(maps.Keys(l.Columns))) {
			c.add(where, "the chart shows %v of the columns %v", shown, slices.Sorted(maps.Keys(l.Columns)))
		}
		for name, col := range l.Columns {
			c.column(where+", column "+name, col, l)
		}
	}
}

func (c *checker) column(where string, col column, l layer) {
	switch col.OperationType {
	case "count":
		if col.SourceField != "___records___" || col.DataType != "number" {
			c.add(where, "it counts %s as %s", col.SourceField, col.DataType)
		}
		return
	case "filters":
		if len(col.Params.Filters) == 0 {
			c.add(where, "it has no filters")
		}
		for _, f := range col.Params.Filters {
			c.query(where, f.Input)
		}
		return
	}
	types, ok := suits[col.OperationType]
	if !ok {
		c.add(where, "operation %s is not expected", col.OperationType)
		return
	}
	c.field(where, col.SourceField, slices.Sorted(maps.Keys(types)))
	if want, ok := types[c.fields[col.SourceField]]; ok && col.DataType != want {
		c.add(where, "%s on %s gives %s, not %s", col.OperationType, col.SourceField, want, col.DataType)
	}
	switch col.OperationType {
	case "terms":
		if _, ok := l.Columns[col.Params.OrderBy.ColumnID]; !ok || col.Params.Size <= 0 {
			c.add(where, "it is ordered by %q and has %d values", col.Params.OrderBy.ColumnID, col.Params.Size)
		}
	case "date_histogram":
		// Without a time field there is no range to derive an interval from.
		if col.Params.Interval == "auto" || col.Params.Interval == "" || !col.Params.IgnoreTimeRange {
			c.add(where, "it needs an interval and to ignore the time range")
		}
	}
}

// field checks that the alias has the field, or fields if the name has a wildcard, with one of the
// types.
func (c *checker) field(where, name string, types []string) {
	if !strings.Contains(name, "*") {
		kind, ok := c.fields[name]
		if !ok {
			c.add(where, "the alias has no field %s", name)
		} else if !slices.Contains(types, kind) {
			c.add(where, "field %s has the type %s, but one of %v is needed", name, kind, types)
		}
		return
	}
	pattern := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(name), `\*`, ".*") + "$")
	for field := range c.fields {
		if pattern.MatchString(field) {
			return
		}
	}
	c.add(where, "the alias has no field like %s", name)
}

func (c *checker) query(where string, q query) {
	if q.Language != "kuery" {
		c.add(where, "a query is in %q", q.Language)
	}
	text := quoted.ReplaceAllString(q.Query, `""`)
	found := kqlField.FindAllStringSubmatch(text, -1)
	if q.Query != "" && len(found) == 0 {
		c.add(where, "the query %s names no field", q.Query)
	}
	for _, m := range found {
		types := filterable
		if strings.Contains(q.Query, m[1]+" <") || strings.Contains(q.Query, m[1]+" >") {
			types = []string{"date", "long"}
		}
		c.field(where, m[1], types)
	}
}

// accessors returns the columns that a chart shows, sorted.
func accessors(visualization map[string]any, layer string) []string {
	found := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for key, value := range v {
				switch key {
				case "accessor", "xAccessor", "splitAccessor", "metric", "columnId":
					found[fmt.Sprint(value)] = true
				case "accessors", "groups":
					for _, e := range value.([]any) {
						found[fmt.Sprint(e)] = true
					}
				case "layerId":
					if value != layer {
						found["of layer "+fmt.Sprint(value)] = true
					}
				default:
					walk(value)
				}
			}
		}
	}
	walk(visualization)
	return slices.Sorted(maps.Keys(found))
}
