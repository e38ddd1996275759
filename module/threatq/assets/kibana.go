// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
)

// MinimumKibana is the oldest version of Kibana that can import the objects.
const MinimumKibana = "8.3.0"

// types are the types of the objects, those that refer to nothing first.
var types = []string{"tag", "index-pattern", "search", "dashboard"}

// A KibanaObject is one Kibana saved object.
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

//go:generate go run ../../../dev-tools/dashboardgen -root kibana/7

// kibanaFiles has the Kibana saved objects, with the JSON that Kibana keeps in strings written out.
// KibanaObjects makes of them what Kibana imports.
//
// The 7 in the folder's name is not a version of Kibana: it is where Libbeat's importer looks, so
// that the folder can be given to setup.dashboards.directory as it is.
//
//go:embed kibana/7
var kibanaFiles embed.FS

// KibanaObjects returns all objects, each after those that it refers to.
func KibanaObjects() []KibanaObject {
	objects, err := read(kibanaFiles, "kibana/7")
	if err != nil {
		panic(err) // they are part of the binary
	}
	return objects
}

// KibanaNDJSON returns all objects, one on a line, each line with its line feed.
func KibanaNDJSON() []byte {
	var b bytes.Buffer
	for _, o := range KibanaObjects() {
		b.Write(o.JSON)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// read returns the objects in files of the form <type>/<id>.json below dir.
func read(files fs.FS, dir string) ([]KibanaObject, error) {
	var objects []KibanaObject
	for _, typ := range types {
		names, err := fs.Glob(files, path.Join(dir, typ, "*.json"))
		if err != nil {
			return nil, fmt.Errorf("listing the Kibana objects of type %s: %w", typ, err)
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
