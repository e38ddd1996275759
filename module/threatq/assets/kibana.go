// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
)

// The identifiers that other parts of threatqbeat refer to.
const (
	// OverviewDashboard is the id of the dashboard that events name in threat.feed.dashboard_id.
	OverviewDashboard = "threatq-overview"
	// FilesDashboard is the id of the dashboard on indicators of files.
	FilesDashboard = "threatq-files"
	// NetworkDashboard is the id of the dashboard on addresses, domains and URLs.
	NetworkDashboard = "threatq-network"
	// DataView is the id of the data view on the alias of the active indicators.
	DataView = "threatq-active-indicators"
)

// MinimumKibana is the oldest version of Kibana that can import the objects.
const MinimumKibana = "8.3.0"

// types are the types of the objects, those that refer to nothing first.
var types = []string{"tag", "index-pattern", "search", "dashboard"}

// An KibanaObject is one Kibana saved object.
type KibanaObject struct {
	// Type is Kibana's name for what it is: tag, index-pattern (a data view), search or dashboard.
	Type string
	// ID is unique within the type.
	ID string
	// Title is what Kibana shows as its name; a tag's is its name.
	Title string
	// JSON is the object on one line, in the form that Kibana's import API takes.
	JSON json.RawMessage
}

// KibanaObjects returns all objects, each after those that it refers to.
func KibanaObjects() ([]KibanaObject, error) {
	return read(kibanaFiles())
}

// KibanaNDJSON returns all objects, one on a line, each line with its line feed.
func KibanaNDJSON() ([]byte, error) {
	objects, err := KibanaObjects()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, o := range objects {
		b.Write(o.JSON)
		b.WriteByte('\n')
	}
	return b.Bytes(), nil
}

// read returns the objects in files of the form <type>/<id>.json.
func read(files fs.FS) ([]KibanaObject, error) {
	var objects []KibanaObject
	for _, kind := range types {
		names, err := fs.Glob(files, path.Join(kind, "*.json"))
		if err != nil {
			return nil, fmt.Errorf("listing the Kibana objects of type %s: %w", kind, err)
		}
		for _, name := range names {
			content, err := fs.ReadFile(files, name)
			if err != nil {
				return nil, fmt.Errorf("reading the Kibana object %s: %w", name, err)
			}
			o, err := decode(content)
			if err != nil {
				return nil, fmt.Errorf("reading the Kibana object %s: %w", name, err)
			}
			objects = append(objects, o)
		}
	}
	return objects, nil
}
