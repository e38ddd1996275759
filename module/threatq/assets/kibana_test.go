// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	overviewDashboard = "threatq-overview"
	filesDashboard    = "threatq-files"
	networkDashboard  = "threatq-network"
	dataView          = "threatq-active-indicators"
)

// aliasFields returns the type of each field of the index behind the alias.
func aliasFields(t *testing.T) map[string]string {
	t.Helper()
	body := DestTemplate(Server{})
	content, err := json.Marshal(body)
	require.NoError(t, err)
	var template struct {
		Template struct {
			Mappings mappedField `json:"mappings"`
		} `json:"template"`
	}
	require.NoError(t, json.Unmarshal(content, &template))
	types := map[string]string{}
	template.Template.Mappings.collect(types, "")
	require.NotEmpty(t, types)
	return types
}

// mappedField is one level of a mapping: an object with properties, or a field.
type mappedField struct {
	Type       string                 `json:"type"`
	DocValues  *bool                  `json:"doc_values"`
	Properties map[string]mappedField `json:"properties"`
}

func (m mappedField) collect(types map[string]string, prefix string) {
	for name, f := range m.Properties {
		name = prefix + name
		switch {
		case f.DocValues != nil && !*f.DocValues:
			types[name] = f.Type + " without doc values"
		case f.Type != "":
			types[name] = f.Type
		}
		f.collect(types, name+".")
	}
}

func TestObjects(t *testing.T) {
	objects := KibanaObjects()
	assert.Empty(t, check(objects, aliasFields(t)))

	var ids []string
	for _, o := range objects {
		ids = append(ids, o.Type+"/"+o.ID)
		assert.NotEmpty(t, o.Title, o.ID)
	}
	assert.Equal(t, []string{
		"tag/security-solution-default",
		"index-pattern/" + dataView,
		"search/threatq-latest-files",
		"search/threatq-latest-indicators",
		"search/threatq-latest-network",
		"dashboard/" + filesDashboard,
		"dashboard/" + networkDashboard,
		"dashboard/" + overviewDashboard,
	}, ids)
}

// Each of these defects in the files must be found, or the test above proves nothing.
func TestCheckFindsDefects(t *testing.T) {
	tests := map[string]struct {
		object   string // where the text is replaced
		from, to string
		problem  string
	}{
		"unknown field": {
			object: overviewDashboard, from: `\"sourceField\":\"threatq.status\"`, to: `\"sourceField\":\"threatq.state\"`,
			problem: "the alias has no field threatq.state",
		},
		"terms on flattened": {
			object: overviewDashboard, from: `\"sourceField\":\"threatq.status\"`, to: `\"sourceField\":\"threatq.attributes\"`,
			problem: "field threatq.attributes has the type flattened",
		},
		"terms on text": {
			object: overviewDashboard, from: `\"sourceField\":\"threatq.status\"`, to: `\"sourceField\":\"error.message\"`,
			problem: "field error.message has the type match_only_text",
		},
		"terms on a field without doc values": {
			object: overviewDashboard, from: `\"sourceField\":\"threatq.status\"`, to: `\"sourceField\":\"event.original\"`,
			problem: "field event.original has the type keyword without doc values",
		},
		"a field that only the source has": {
			object: overviewDashboard, from: `\"sourceField\":\"threatq.status\"`, to: `\"sourceField\":\"labels.is_ioc_transform_source\"`,
			problem: "the alias has no field labels.is_ioc_transform_source",
		},
		"no tag of Security": {
			object: overviewDashboard, from: `"type":"tag"`, to: `"type":"label"`,
			problem: "Kibana's Security doesn't list it",
		},
		"histogram of a keyword": {
			object: overviewDashboard, from: `\"sourceField\":\"event.created\"`, to: `\"sourceField\":\"event.kind\"`,
			problem: "field event.kind has the type keyword, but one of [date] is needed",
		},
		"wrong data type": {
			object: networkDashboard, from: `\"dataType\":\"ip\"`, to: `\"dataType\":\"string\"`,
			problem: "terms on threat.indicator.ip gives ip, not string",
		},
		"unknown field in a query": {
			object: filesDashboard, from: `threat.indicator.file.hash.md5 : *`, to: `threat.indicator.file.hash.md6 : *`,
			problem: "the alias has no field threat.indicator.file.hash.md6",
		},
		"range on a keyword": {
			object: overviewDashboard, from: `threatq.ioc_expired_at < now+24h`, to: `threatq.status < now+24h`,
			problem: "field threatq.status has the type keyword, but one of [date long] is needed",
		},
		"unknown field in a filter": {
			object: filesDashboard, from: `\"key\":\"threat.indicator.type\"`, to: `\"key\":\"threat.indicator.kind\"`,
			problem: "the alias has no field threat.indicator.kind",
		},
		"filter for a date on a keyword": {
			object: filesDashboard, from: `{\"range\":{\"threatq.ioc_expired_at\"`, to: `{\"range\":{\"threatq.status\"`,
			problem: "field threatq.status has the type keyword, but one of [date] is needed",
		},
		"unknown column of a search": {
			object: "threatq-latest-files", from: `"threat.indicator.file.name"`, to: `"threat.indicator.file.title"`,
			problem: "the alias has no field threat.indicator.file.title",
		},
		"another data view": {
			object: overviewDashboard, from: `"id":"threatq-active-indicators","name":"kibanaSavedObjectMeta`, to: `"id":"logs-*","name":"kibanaSavedObjectMeta`,
			problem: "index-pattern/logs-*, which there is not",
		},
		"another data view in a panel": {
			object: overviewDashboard, from: `\"id\":\"threatq-active-indicators\"`, to: `\"id\":\"logs-*\"`,
			problem: "the dashboard lacks its reference",
		},
		"another index": {
			object: dataView, from: "logs-ti_threatq_latest.threat", to: "logs-*",
			problem: "it shows logs-* instead of the alias",
		},
		"missing search": {
			object: overviewDashboard, from: `"id":"threatq-latest-indicators"`, to: `"id":"threatq-newest-indicators"`,
			problem: "search/threatq-newest-indicators, which there is not",
		},
		"dead link": {
			object: overviewDashboard, from: "#/view/threatq-files", to: "#/view/threatq-documents",
			problem: "the link #/view/threatq-documents leads nowhere",
		},
		"link out of the space": {
			object: overviewDashboard, from: "#/view/threatq-files", to: "/app/dashboards#/view/threatq-files",
			problem: "leads nowhere",
		},
		"newer than the oldest Kibana": {
			object: overviewDashboard, from: `"dashboard":"8.3.0"`, to: `"dashboard":"8.4.0"`,
			problem: `Kibana 8.3.0 refuses an object of version "8.4.0"`,
		},
		"two panels of one id": {
			object: filesDashboard, from: "threatq-files-navigation", to: "threatq-overview-navigation",
			problem: "panel threatq-overview-navigation: its id is that of another panel",
		},
		"overlap": {
			object: overviewDashboard, from: `\"x\":24`, to: `\"x\":23`,
			problem: "overlap",
		},
		"a chart of a column that there is not": {
			object: overviewDashboard, from: `\"accessor\":\"value\"`, to: `\"accessor\":\"values\"`,
			problem: "the chart shows [values] of the columns [value]",
		},
		"automatic interval": {
			object: overviewDashboard, from: `\"interval\":\"1d\"`, to: `\"interval\":\"auto\"`,
			problem: "it needs an interval",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			objects := KibanaObjects()
			for i, o := range objects {
				if o.ID == tt.object {
					require.Contains(t, string(o.JSON), tt.from)
					objects[i].JSON = json.RawMessage(strings.ReplaceAll(string(o.JSON), tt.from, tt.to))
				}
			}
			assert.Contains(t, strings.Join(check(objects, aliasFields(t)), "\n"), tt.problem)
		})
	}
	t.Run("same id twice", func(t *testing.T) {
		objects := KibanaObjects()
		assert.Contains(t, check(append(objects, objects[1]), aliasFields(t)), "index-pattern/"+dataView+": its id is taken")
	})
}

// What an analyst needs to find on each page.
func TestDashboardsShow(t *testing.T) {
	const expiring = "threatq.ioc_expired_at >= now and threatq.ioc_expired_at < now+"
	want := map[string][]string{
		overviewDashboard: {
			"count of all", "count of " + expiring + "24h", "count of " + expiring + "7d",
			"terms threat.indicator.type", "terms threat.indicator.confidence", "terms threat.indicator.provider",
			"terms threat.indicator.marking.tlp", "terms threatq.status", "date_histogram event.created",
			"terms threatq.ioc_expiration_reason", "terms threatq.adversaries", "search threatq-latest-indicators",
		},
		filesDashboard: {
			"filters threat.indicator.file.hash.md5 : *", "filters threat.indicator.file.hash.sha1 : *",
			"filters threat.indicator.file.hash.sha256 : *", "filters threat.indicator.file.hash.sha384 : *",
			"filters threat.indicator.file.hash.sha512 : *", "filters threat.indicator.file.hash.ssdeep : *",
			"terms threat.indicator.file.name", "terms threat.indicator.provider", "search threatq-latest-files",
		},
		networkDashboard: {
			"terms threat.indicator.ip", "terms threat.indicator.url.domain", "terms threat.indicator.url.registered_domain",
			"terms threat.indicator.url.top_level_domain", "terms threat.indicator.url.port", "terms threat.indicator.port",
			"search threatq-latest-network",
		},
	}
	objects := KibanaObjects()
	for _, o := range objects {
		if o.Type != "dashboard" {
			continue
		}
		t.Run(o.ID, func(t *testing.T) {
			assert.Subset(t, shows(t, o), want[o.ID])
		})
	}
}

// shows lists the panels of a dashboard in words.
func shows(t *testing.T, o KibanaObject) []string {
	t.Helper()
	var s savedObject
	require.NoError(t, json.Unmarshal(o.JSON, &s))
	var panels []panel
	require.NoError(t, json.Unmarshal([]byte(s.Attributes.PanelsJSON), &panels))
	var found []string
	for _, p := range panels {
		if p.Type == "search" {
			for _, r := range s.References {
				if r.Name == p.PanelIndex+":"+p.PanelRefName {
					found = append(found, "search "+r.ID)
				}
			}
		}
		state := p.Config.Attributes.State
		for _, l := range state.DatasourceStates.IndexPattern.Layers {
			for _, c := range l.Columns {
				switch c.OperationType {
				case "filters":
					for _, f := range c.Params.Filters {
						found = append(found, "filters "+f.Input.Query)
					}
				case "count":
					if len(l.Columns) == 1 {
						of := state.Query.Query
						if of == "" {
							of = "all"
						}
						found = append(found, "count of "+of)
					}
				default:
					found = append(found, c.OperationType+" "+c.SourceField)
				}
			}
		}
	}
	return found
}

// Each marking of the traffic light protocol has its colour, where Kibana knows of such.
func TestMarkingsHaveTheirColours(t *testing.T) {
	var panels string
	for _, o := range KibanaObjects() {
		if o.ID == overviewDashboard {
			var s savedObject
			require.NoError(t, json.Unmarshal(o.JSON, &s))
			panels = s.Attributes.PanelsJSON
		}
	}
	for values, color := range map[string]string{
		`"RED"`: "#FF2B2B", `"AMBER+STRICT"`: "#FF8C00", `"AMBER"`: "#FFC000", `"GREEN"`: "#33CC33", `"CLEAR","WHITE"`: "#D3DAE6",
	} {
		assert.Contains(t, panels, `{"color":{"colorCode":"`+color+`","type":"colorCode"},"rule":{"type":"matchExactly","values":[`+values+`]}`)
	}
}

func TestNDJSON(t *testing.T) {
	content := KibanaNDJSON()
	objects := KibanaObjects()
	require.True(t, bytes.HasSuffix(content, []byte("}\n")))
	lines := bytes.Split(bytes.TrimSuffix(content, []byte("\n")), []byte("\n"))
	require.Len(t, lines, len(objects))
	for i, line := range lines {
		assert.JSONEq(t, string(objects[i].JSON), string(line))
	}
}

// Fleet can't give the alias a filter, so the dashboards leave out by themselves what has expired.
func TestDashboardsLeaveOutWhatExpired(t *testing.T) {
	objects := KibanaObjects()
	for _, o := range objects {
		var s savedObject
		require.NoError(t, json.Unmarshal(o.JSON, &s))
		switch o.Type {
		case "dashboard":
			assert.Contains(t, s.Attributes.Meta.SearchSourceJSON, `"query":{"range":{"threatq.ioc_expired_at":{"gt":"now"}}}`, o.ID)
		case "search":
			assert.Contains(t, s.Attributes.Meta.SearchSourceJSON, `"query":"threatq.ioc_expired_at > now`, o.ID)
		}
	}
}

// An indicator that was updated long ago is shown all the same: nothing filters by time.
func TestNothingFiltersByTime(t *testing.T) {
	objects := KibanaObjects()
	for _, o := range objects {
		var s savedObject
		require.NoError(t, json.Unmarshal(o.JSON, &s))
		assert.Empty(t, s.Attributes.TimeFieldName, o.ID)
		assert.False(t, s.Attributes.TimeRestore, o.ID)
	}
}

func TestDecodeKeeps(t *testing.T) {
	o := decode([]byte(`{
		"type": "dashboard", "id": "x",
		"attributes": {"title": "a <b> & c", "panelsJSON": "[]", "optionsJSON": {"n": 12345678901234567890}}
	}`))
	assert.Equal(t, `{"attributes":{"optionsJSON":"{\"n\":12345678901234567890}","panelsJSON":"[]","title":"a <b> & c"},"id":"x","type":"dashboard"}`, string(o.JSON))
}
