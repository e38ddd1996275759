// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// The versions that objects exported by Kibana 8.3 carry. Dashboards take part in the migrations of
// the Lens panels within them, hence the newer version.
const (
	coreVersion      = "8.3.0"
	dashboardVersion = "8.3.0"
	searchVersion    = "8.0.0"
	dataViewVersion  = "8.0.0"
	tagVersion       = "8.0.0"
)

// A savedObject is one object as Kibana imports it, but with the JSON that Kibana keeps in strings
// written out, so that it can be read and compared.
type savedObject struct {
	Attributes           object            `json:"attributes"`
	CoreMigrationVersion string            `json:"coreMigrationVersion"`
	ID                   string            `json:"id"`
	MigrationVersion     map[string]string `json:"migrationVersion"`
	References           []reference       `json:"references"`
	Type                 string            `json:"type"`
}

// A reference says which other object is meant by a name within an object.
type reference struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
}

// rendered is the Kibana form of a panel. The names of its references are relative to the panel.
type rendered struct {
	kind       string
	config     object
	references []reference
	// refName is the name of the reference to the saved object that the panel embeds, if any.
	refName string
}

func newSavedObject(kind, id, version string, attributes object, references []reference) savedObject {
	if references == nil {
		references = []reference{}
	}
	return savedObject{
		Attributes:           attributes,
		CoreMigrationVersion: coreVersion,
		ID:                   id,
		MigrationVersion:     map[string]string{kind: version},
		References:           references,
		Type:                 kind,
	}
}

// dataView returns the data view on the alias of the active indicators.
//
// It has no time field on purpose. What is active is a state, not a series: with a time field
// Discover's default of the last 15 minutes, or a link that carries a time range, would hide
// indicators that were last updated months ago and are active all the same.
func dataView() savedObject {
	return newSavedObject("index-pattern", dataViewID, dataViewVersion, object{
		"title":        dataViewTitle,
		"name":         dataViewName,
		"allowNoIndex": true,
		// Kibana wants these three as strings. Identifiers are numbers to look up, not quantities.
		"fields":          "[]",
		"runtimeFieldMap": "{}",
		"typeMeta":        "{}",
		"fieldFormatMap": `{"threatq.id":{"id":"number","params":{"pattern":"0"}},` +
			`"threatq.indicator_id":{"id":"number","params":{"pattern":"0"}},` +
			`"threat.indicator.port":{"id":"number","params":{"pattern":"0"}},` +
			`"threat.indicator.url.port":{"id":"number","params":{"pattern":"0"}},` +
			`"threat.indicator.as.number":{"id":"number","params":{"pattern":"0"}}}`,
	}, nil)
}

// tagID is the id that Kibana's Security Solution and Fleet give to the tag in the default space.
// Kibana finds it by its name.
const tagID = "security-solution-default"

// tag returns the tag by which Security, Dashboards lists the dashboards.
func tag() savedObject {
	return newSavedObject("tag", tagID, tagVersion, object{
		"name":        "Security Solution",
		"description": "Security Solution auto-generated tag",
		"color":       "#F583B7",
	}, nil)
}

func (s savedSearch) object() savedObject {
	const index = "kibanaSavedObjectMeta.searchSourceJSON.index"
	return newSavedObject("search", s.id, searchVersion, object{
		"title":       s.title,
		"description": s.description,
		"columns":     s.columns,
		"sort":        []any{[]string{s.sortBy, "desc"}},
		"grid":        object{},
		"hideChart":   true,
		"kibanaSavedObjectMeta": object{"searchSourceJSON": object{
			"indexRefName": index,
			"query":        kuery(s.query),
			"filter":       []any{},
			"highlightAll": true,
			"version":      true,
		}},
	}, []reference{{ID: dataViewID, Name: index, Type: "index-pattern"}})
}

func (d dashboard) object() (savedObject, error) {
	references := []reference{{ID: tagID, Name: "tag-ref-" + tagID, Type: "tag"}}
	var filters, panels []any
	for i, f := range d.filters {
		index := fmt.Sprintf("kibanaSavedObjectMeta.searchSourceJSON.filter[%d].meta.index", i)
		references = append(references, reference{ID: dataViewID, Name: index, Type: "index-pattern"})
		filters = append(filters, f.object(index))
	}
	y := 0
	for i, row := range d.rows {
		x := 0
		for _, p := range row.panels {
			// Kibana keeps a panel's contents by its id when it goes from one
			// dashboard to the next.
			p.id = d.id + "-" + p.id
			if n, ok := p.content.(navigation); ok {
				n.intro, n.current = d.intro, d.id
				p.content = n
			}
			r := p.content.render(p)
			for _, ref := range r.references {
				ref.Name = p.id + ":" + ref.Name
				references = append(references, ref)
			}
			tile := object{
				"version":          dashboardVersion,
				"type":             r.kind,
				"panelIndex":       p.id,
				"gridData":         object{"i": p.id, "x": x, "y": y, "w": p.width, "h": row.height},
				"embeddableConfig": r.config,
			}
			if p.title != "" {
				tile["title"] = p.title
			}
			if r.refName != "" {
				tile["panelRefName"] = r.refName
			}
			panels = append(panels, tile)
			x += p.width
		}
		if x != gridWidth {
			return savedObject{}, fmt.Errorf("dashboard %s: the panels of row %d are %d columns wide instead of %d", d.id, i, x, gridWidth)
		}
		y += row.height
	}
	return newSavedObject("dashboard", d.id, dashboardVersion, object{
		"title":       d.title,
		"description": d.description,
		"timeRestore": false,
		"version":     1,
		"optionsJSON": object{
			"hidePanelTitles": false,
			"syncColors":      false,
			"syncTooltips":    false,
			"useMargins":      true,
		},
		"panelsJSON": panels,
		"kibanaSavedObjectMeta": object{"searchSourceJSON": object{
			"query":  kuery(""),
			"filter": filters,
		}},
	}, references), nil
}

// object returns the filter in the form that Kibana's filter bar has.
func (f filter) object(indexRefName string) object {
	meta := object{
		"alias":        nil,
		"disabled":     false,
		"indexRefName": indexRefName,
		"key":          f.field,
		"negate":       false,
	}
	var query object
	switch {
	case f.after != "":
		// Kibana's own range filter shows its dates formatted, which "now" can't be.
		query = object{"range": object{f.field: object{"gt": f.after}}}
		meta["type"], meta["key"], meta["alias"] = "custom", "query", f.name
	case len(f.values) == 1:
		meta["type"], meta["params"] = "phrase", object{"query": f.values[0]}
		query = object{"match_phrase": object{f.field: f.values[0]}}
	default:
		meta["type"], meta["params"], meta["value"] = "phrases", f.values, strings.Join(f.values, ", ")
		var should []any
		for _, v := range f.values {
			should = append(should, object{"match_phrase": object{f.field: v}})
		}
		query = object{"bool": object{"should": should, "minimum_should_match": 1}}
	}
	return object{"$state": object{"store": "appState"}, "meta": meta, "query": query}
}

func (d documents) render(p panel) rendered {
	name := "panel_" + p.id
	return rendered{
		kind:       "search",
		config:     object{"enhancements": object{}},
		references: []reference{{ID: d.search, Name: name, Type: "search"}},
		refName:    name,
	}
}

// render writes the links relative to the dashboards application, so that they stay within the
// Kibana space, and below the base path, that the reader is in.
func (n navigation) render(panel) rendered {
	var links []string
	for _, d := range dashboards {
		title := strings.TrimPrefix(d.title, "[ThreatQ] ")
		if d.id == n.current {
			links = append(links, "**"+title+"**")
			continue
		}
		links = append(links, fmt.Sprintf("[%s](#/view/%s)", title, d.id))
	}
	return rendered{
		kind: "visualization",
		config: object{
			"enhancements":    object{},
			"hidePanelTitles": true,
			"savedVis": object{
				"title":       "",
				"description": "",
				"type":        "markdown",
				"uiState":     object{},
				"params": object{
					"fontSize":          12,
					"markdown":          "ThreatQ: " + strings.Join(links, " | ") + "\n\n" + n.intro,
					"openLinksInNewTab": false,
				},
				"data": object{
					"aggs":         []any{},
					"searchSource": object{"filter": []any{}, "query": kuery("")},
				},
			},
		},
	}
}
