// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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
func KibanaObjects() (objects []KibanaObject) {
	for _, typ := range types {
		names, _ := fs.Glob(kibanaFiles, "kibana/7/"+typ+"/*.json") // fails for a wrong pattern only
		for _, name := range names {
			content, err := kibanaFiles.ReadFile(name)
			if err != nil {
				panic(err) // it is part of the binary
			}
			objects = append(objects, decode(content))
		}
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

// encoded are the attributes that Kibana stores as JSON within a string.
var encoded = []string{"kibanaSavedObjectMeta.searchSourceJSON", "optionsJSON", "panelsJSON"}

// decode reads an object as its file has it and brings it into the form that Kibana stores. It
// panics when it can't: the files are part of the binary.
func decode(content []byte) KibanaObject {
	var o struct {
		Type, ID   string
		Attributes struct{ Title, Name string }
	}
	var body Body
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber() // a number stays as it is written
	if err := errors.Join(json.Unmarshal(content, &o), decoder.Decode(&body)); err != nil {
		panic(fmt.Sprintf("reading the embedded Kibana object %s: %s", o.ID, err))
	}
	for _, path := range encoded {
		path = "attributes." + path
		if value := get(body, path); value != nil {
			if _, done := value.(string); !done {
				set(body, path, string(marshal(value)))
			}
		}
	}
	return KibanaObject{Type: o.Type, ID: o.ID, Title: cmp.Or(o.Attributes.Title, o.Attributes.Name), JSON: marshal(body)}
}

// marshal returns the JSON of what was read from JSON, on one line, and leaves <, > and & as they are.
func marshal(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
