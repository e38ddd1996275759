// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import "fmt"

// Each Lens panel has one layer; its id need only be unique within the panel.
const layerID = "layer"

// recordsField is what Lens calls the documents themselves.
const recordsField = "___records___"

// object is a JSON object.
type object = map[string]any

// A column is one column of a Lens layer.
type column struct {
	id         string
	definition object
}

// lens is the common part of all charts: a layer of columns and how to draw it.
type lens struct {
	visualizationType string
	visualization     object
	columns           []column
	query             string
	// hideTitle is for charts that show their title themselves.
	hideTitle bool
}

func (l lens) render() rendered {
	order := make([]string, 0, len(l.columns))
	columns := object{}
	for _, c := range l.columns {
		order = append(order, c.id)
		columns[c.id] = c.definition
	}
	references := []reference{{
		Name: "indexpattern-datasource-layer-" + layerID,
		Type: "index-pattern",
		ID:   dataViewID,
	}}
	return rendered{
		kind: "lens",
		config: object{
			"attributes": object{
				"title":             "",
				"description":       "",
				"type":              "lens",
				"visualizationType": l.visualizationType,
				"references":        references,
				"state": object{
					"datasourceStates": object{
						"indexpattern": object{"layers": object{layerID: object{
							"columnOrder":       order,
							"columns":           columns,
							"incompleteColumns": object{},
						}}},
					},
					"visualization": l.visualization,
					"query":         kuery(l.query),
					"filters":       []any{},
				},
			},
			"enhancements":    object{},
			"hidePanelTitles": l.hideTitle,
		},
		references: references,
	}
}

func (c count) render(p panel) rendered {
	return metric(countColumn("value", p.title), c.query)
}

func (u unique) render(p panel) rendered {
	return metric(column{"value", object{
		"label":         p.title,
		"customLabel":   true,
		"dataType":      "number",
		"isBucketed":    false,
		"operationType": "unique_count",
		"scale":         "ratio",
		"sourceField":   u.field,
	}}, u.query)
}

func metric(value column, query string) rendered {
	return lens{
		visualizationType: "lnsMetric",
		visualization: object{
			"accessor":      value.id,
			"layerId":       layerID,
			"layerType":     "data",
			"size":          "xl",
			"textAlign":     "center",
			"titlePosition": "bottom",
		},
		columns:   []column{value},
		query:     query,
		hideTitle: true,
	}.render()
}

func (d pie) render(panel) rendered {
	return lens{
		visualizationType: "lnsPie",
		visualization: object{
			"shape": "pie",
			"layers": []any{object{
				"layerId":         layerID,
				"layerType":       "data",
				"groups":          []string{"by"},
				"metric":          "count",
				"numberDisplay":   "percent",
				"categoryDisplay": "default",
				"legendDisplay":   "show",
				"legendSize":      "large",
				"truncateLegend":  false,
				"nestedLegend":    false,
			}},
		},
		columns: []column{d.by.column("by", "count"), countColumn("count", "Indicators")},
	}.render()
}

func (b bars) render(panel) rendered {
	return xy("bar_horizontal", b.by.column("by", "count"), nil, "")
}

func (k kinds) render(panel) rendered {
	filters := make([]any, 0, len(k.of))
	for _, kind := range k.of {
		filters = append(filters, object{"label": kind.label, "input": kuery(kind.query)})
	}
	return xy("bar_horizontal", column{"by", object{
		"label":         k.label,
		"customLabel":   true,
		"dataType":      "string",
		"isBucketed":    true,
		"operationType": "filters",
		"scale":         "ordinal",
		"params":        object{"filters": filters},
	}}, nil, "")
}

func (t timeline) render(panel) rendered {
	split := t.split.column("split", "count")
	return xy("bar_stacked", column{"by", object{
		"label":         t.label,
		"customLabel":   true,
		"dataType":      "date",
		"isBucketed":    true,
		"operationType": "date_histogram",
		"scale":         "interval",
		"sourceField":   t.field,
		"params": object{
			"interval":        t.interval,
			"ignoreTimeRange": true,
			// One stray date must not make Elasticsearch fill in thousands of empty days.
			"includeEmptyRows": false,
			"dropPartials":     false,
		},
	}}, &split, t.query)
}

func xy(series string, x column, split *column, query string) rendered {
	layer := object{
		"layerId":       layerID,
		"layerType":     "data",
		"accessors":     []string{"count"},
		"position":      "top",
		"seriesType":    series,
		"showGridlines": false,
		"xAccessor":     x.id,
	}
	columns := []column{x}
	if split != nil {
		layer["splitAccessor"] = split.id
		columns = []column{*split, x}
	}
	axes := func(v any) object { return object{"x": v, "yLeft": v, "yRight": v} }
	return lens{
		visualizationType: "lnsXY",
		visualization: object{
			"axisTitlesVisibilitySettings": object{"x": false, "yLeft": false, "yRight": false},
			"fittingFunction":              "None",
			"gridlinesVisibilitySettings":  axes(true),
			"labelsOrientation":            axes(0),
			"layers":                       []any{layer},
			"legend": object{
				"isVisible": true, "position": "right", "legendSize": "large", "shouldTruncate": false,
			},
			"preferredSeriesType":          series,
			"tickLabelsVisibilitySettings": axes(true),
			"valueLabels":                  "hide",
		},
		columns: append(columns, countColumn("count", "Indicators")),
		query:   query,
	}.render()
}

func (t table) render(panel) rendered {
	var columns []column
	var shown []any
	for i, by := range t.by {
		c := by.column(fmt.Sprintf("by%d", i+1), "count")
		columns = append(columns, c)
		shown = append(shown, object{"columnId": c.id, "isTransposed": false})
	}
	columns = append(columns, countColumn("count", "Indicators"))
	// Numbers need little room, and what is counted may be long.
	shown = append(shown, object{"columnId": "count", "isTransposed": false, "width": 100})
	return lens{
		visualizationType: "lnsDatatable",
		visualization: object{
			"columns":   shown,
			"layerId":   layerID,
			"layerType": "data",
			"paging":    object{"enabled": true, "size": 10},
			"rowHeight": "auto", // a long value is wrapped, not cut
		},
		columns: columns,
		query:   t.query,
	}.render()
}

// column returns the Lens column of the most frequent values, in the order of the column orderBy.
func (t terms) column(id, orderBy string) column {
	dataType := t.kind
	if dataType == "" {
		dataType = kindString
	}
	return column{id, object{
		"label":         t.label,
		"customLabel":   true,
		"dataType":      dataType,
		"isBucketed":    true,
		"operationType": "terms",
		"scale":         "ordinal",
		"sourceField":   t.field,
		"params": object{
			"size":           t.size,
			"orderBy":        object{"type": "column", "columnId": orderBy},
			"orderDirection": "desc",
			// The rest of many different numbers would dwarf each of them.
			"otherBucket":   t.kind != kindNumber,
			"missingBucket": t.missing,
			"parentFormat":  object{"id": "terms"},
		},
	}}
}

func countColumn(id, label string) column {
	return column{id, object{
		"label":         label,
		"customLabel":   true,
		"dataType":      "number",
		"isBucketed":    false,
		"operationType": "count",
		"scale":         "ratio",
		"sourceField":   recordsField,
	}}
}

func kuery(query string) object {
	return object{"language": "kuery", "query": query}
}
