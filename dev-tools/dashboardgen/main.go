// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"go.yaml.in/yaml/v3"

	"github.com/threatqbeat/threatqbeat/dev-tools/generated"
)

func main() { generated.Main("dashboardgen", replace) }

// replace removes the saved objects below dir, so that a renamed dashboard leaves
// nothing behind, and returns the new ones.
func replace(dir string) (map[string][]byte, error) {
	files, err := generate(definitionsYAML)
	if err != nil {
		return nil, err
	}
	for _, typ := range []string{"dashboard", "index-pattern", "search", "tag"} {
		if err := os.RemoveAll(filepath.Join(dir, typ)); err != nil {
			return nil, fmt.Errorf("removing the former objects: %w", err)
		}
	}
	return files, nil
}

//go:embed dashboards.yml
var definitionsYAML []byte

//go:embed objects.yml.tmpl
var objectsTemplate string

// gridWidth is the number of columns of a Kibana dashboard's grid.
const gridWidth = 48

// object is a JSON object.
type object = map[string]any

// definitions are the contents of dashboards.yml.
type definitions struct {
	DataView   object   `yaml:"data_view"`
	Searches   []object `yaml:"searches"`
	Dashboards []*dashboard
}

// dashboard is one page: rows of panels on the active indicators.
type dashboard struct {
	ID          string
	Title       string
	Description string
	Filters     []object // what the whole page is about
	Intro       string   // the sentence below the navigation
	Rows        []struct {
		Height int
		Panels []object
	}

	// Panels are the panels of all rows, each with what place adds.
	Panels []object `yaml:"-"`
}

// place gives each panel its place on the page, an id that is unique among all
// dashboards, and what it refers to.
func (d *dashboard) place(all *definitions) error {
	y := 0
	for i, row := range d.Rows {
		x := 0
		for _, panel := range row.Panels {
			width, _ := panel["width"].(int)
			panel["id"] = fmt.Sprintf("%s-%s", d.ID, panel["id"])
			panel["x"], panel["y"], panel["height"] = x, y, row.Height
			panel["view"], panel["dashboard"], panel["dashboards"] = all.DataView["id"], d, all.Dashboards
			d.Panels = append(d.Panels, panel)
			x += width
		}
		if x != gridWidth {
			return fmt.Errorf("dashboard %s: the panels of row %d are %d columns wide instead of %d", d.ID, i, x, gridWidth)
		}
		y += row.Height
	}
	for i, filter := range d.Filters {
		filter["index"] = fmt.Sprintf("kibanaSavedObjectMeta.searchSourceJSON.filter[%d].meta.index", i)
	}
	return nil
}

// generate returns the content of each file by its path, type/id.json.
func generate(definitionsYAML []byte) (map[string][]byte, error) {
	var all definitions
	if err := yaml.Unmarshal(definitionsYAML, &all); err != nil {
		return nil, fmt.Errorf("reading the definitions: %w", err)
	}
	for _, d := range all.Dashboards {
		if err := d.place(&all); err != nil {
			return nil, err
		}
	}
	objects, err := render(&all)
	if err != nil {
		return nil, fmt.Errorf("making the objects: %w", err)
	}
	files := map[string][]byte{}
	for _, o := range objects {
		name := fmt.Sprintf("%s/%s.json", o["type"], o["id"])
		if _, ok := files[name]; ok {
			return nil, fmt.Errorf("two objects of type %s have the id %s", o["type"], o["id"])
		}
		files[name] = generated.JSON(o)
	}
	return files, nil
}

// render returns the saved objects as the template makes them.
func render(all *definitions) (objects []object, err error) {
	text, err := generated.Execute("objects", objectsTemplate, template.FuncMap{
		"add": func(a, b int) int { return a + b },
		"json": func(value any) (string, error) {
			text, err := json.Marshal(value)
			return string(text), err
		},
		"unknown": func(shows any) (string, error) { return "", fmt.Errorf("no panel shows %v", shows) },
	}, all)
	if err != nil {
		return nil, err
	}
	return objects, yaml.Unmarshal(text, &objects)
}
