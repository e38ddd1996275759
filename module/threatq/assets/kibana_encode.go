// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// encoded are the attributes that Kibana stores as JSON within a string.
var encoded = []string{"kibanaSavedObjectMeta.searchSourceJSON", "optionsJSON", "panelsJSON"}

// decode reads an object as its file has it and brings it into the form that Kibana stores.
func decode(content []byte) (KibanaObject, error) {
	var o map[string]any
	d := json.NewDecoder(bytes.NewReader(content))
	// A number stays as it is written.
	d.UseNumber()
	if err := d.Decode(&o); err != nil {
		return KibanaObject{}, fmt.Errorf("parsing its JSON: %w", err)
	}
	typ, _ := o["type"].(string)
	id, _ := o["id"].(string)
	attributes, _ := o["attributes"].(map[string]any)
	title, _ := attributes["title"].(string)
	if typ == "tag" {
		title, _ = attributes["name"].(string)
	}
	if typ == "" || id == "" || title == "" {
		return KibanaObject{}, errors.New("it lacks a type, an id or attributes.title")
	}
	for _, path := range encoded {
		if err := encode(attributes, path); err != nil {
			return KibanaObject{}, fmt.Errorf("encoding its attribute %s: %w", path, err)
		}
	}
	line, err := marshal(o)
	if err != nil {
		return KibanaObject{}, fmt.Errorf("encoding it: %w", err)
	}
	return KibanaObject{Type: typ, ID: id, Title: title, JSON: line}, nil
}

// encode replaces the value at a dotted path by a string that holds its JSON, unless it is a string already.
func encode(attributes Body, path string) error {
	value := get(attributes, path)
	if _, done := value.(string); done || value == nil {
		return nil
	}
	b, err := marshal(value)
	if err != nil {
		return err
	}
	set(attributes, path, string(b))
	return nil
}

// marshal returns the JSON of v on one line and leaves <, > and & as they are.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
