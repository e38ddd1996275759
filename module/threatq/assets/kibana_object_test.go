// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"encoding/json"
)

type savedObject struct {
	ID                   string            `json:"id"`
	Type                 string            `json:"type"`
	CoreMigrationVersion string            `json:"coreMigrationVersion"`
	MigrationVersion     map[string]string `json:"migrationVersion"`
	References           []reference       `json:"references"`
	Attributes           attributes        `json:"attributes"`
}

type attributes struct {
	Title         string     `json:"title"`
	Name          string     `json:"name"`
	TimeFieldName string     `json:"timeFieldName"`
	TimeRestore   bool       `json:"timeRestore"`
	PanelsJSON    string     `json:"panelsJSON"`
	OptionsJSON   string     `json:"optionsJSON"`
	Columns       []string   `json:"columns"`
	Sort          [][]string `json:"sort"`
	Meta          struct {
		SearchSourceJSON string `json:"searchSourceJSON"`
	} `json:"kibanaSavedObjectMeta"`
	FieldFormatMap string `json:"fieldFormatMap"`
}

type reference struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
}

type query struct {
	Language string `json:"language"`
	Query    string `json:"query"`
}

type searchSource struct {
	IndexRefName string `json:"indexRefName"`
	Query        query  `json:"query"`
	Filter       []struct {
		Meta struct {
			Key          string `json:"key"`
			Type         string `json:"type"`
			IndexRefName string `json:"indexRefName"`
		} `json:"meta"`
		Query json.RawMessage `json:"query"`
	} `json:"filter"`
}

type panel struct {
	Type         string `json:"type"`
	Title        string `json:"title"`
	PanelIndex   string `json:"panelIndex"`
	PanelRefName string `json:"panelRefName"`
	GridData     struct {
		I          string `json:"i"`
		X, Y, W, H int
	} `json:"gridData"`
	Config struct {
		SavedVis struct {
			Type   string `json:"type"`
			Params struct {
				Markdown string `json:"markdown"`
			} `json:"params"`
		} `json:"savedVis"`
		Attributes struct {
			VisualizationType string      `json:"visualizationType"`
			References        []reference `json:"references"`
			State             struct {
				Query            query          `json:"query"`
				Visualization    map[string]any `json:"visualization"`
				DatasourceStates struct {
					IndexPattern struct {
						Layers map[string]layer `json:"layers"`
					} `json:"indexpattern"`
				} `json:"datasourceStates"`
			} `json:"state"`
		} `json:"attributes"`
	} `json:"embeddableConfig"`
}

type layer struct {
	ColumnOrder []string          `json:"columnOrder"`
	Columns     map[string]column `json:"columns"`
}

type column struct {
	Label         string `json:"label"`
	DataType      string `json:"dataType"`
	OperationType string `json:"operationType"`
	SourceField   string `json:"sourceField"`
	Params        struct {
		Size            int    `json:"size"`
		Interval        string `json:"interval"`
		IgnoreTimeRange bool   `json:"ignoreTimeRange"`
		OrderBy         struct {
			ColumnID string `json:"columnId"`
		} `json:"orderBy"`
		Filters []struct {
			Input query `json:"input"`
		} `json:"filters"`
	} `json:"params"`
}
