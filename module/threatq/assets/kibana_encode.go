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
var encoded = [][]string{
	{"kibanaSavedObjectMeta", "searchSourceJSON"},
	{"optionsJSON"},
	{"panelsJSON"},
}

// decode reads an object as its file has it and brings it into the form that Kibana stores.
func decode(content []byte) (KibanaObject, error) {
	var o map[string]any
	d := json.NewDecoder(bytes.NewReader(content))
	// A number stays as it is written.
	d.UseNumber()
	if err := d.Decode(&o); err != nil {
		return KibanaObject{}, fmt.Errorf("parsing its JSON: %w", err)
	}
	kind, _ := o["type"].(string)
	id, _ := o["id"].(string)
	attributes, _ := o["attributes"].(map[string]any)
	title, _ := attributes["title"].(string)
	if kind == "tag" {
		title, _ = attributes["name"].(string)
	}
	if kind == "" || id == "" || title == "" {
		return KibanaObject{}, errors.New("it lacks a type, an id or attributes.title")
	}
	for _, path := range encoded {
		if err := encode(attributes, path); err != nil {
			return KibanaObject{}, fmt.Errorf("encoding its attribute %s: %w", path[len(path)-1], err)
		}
	}
	line, err := marshal(o)
	if err != nil {
		return KibanaObject{}, fmt.Errorf("encoding it: %w", err)
	}
	return KibanaObject{Type: kind, ID: id, Title: title, JSON: line}, nil
}

// encode replaces the value at path by a string that holds its JSON, unless it is a string already.
func encode(attributes map[string]any, path []string) error {
	parent := attributes
	for _, key := range path[:len(path)-1] {
		child, ok := parent[key].(map[string]any)
		if !ok {
			return nil
		}
		parent = child
	}
	key := path[len(path)-1]
	value, ok := parent[key]
	if _, done := value.(string); !ok || done {
		return nil
	}
	b, err := marshal(value)
	if err != nil {
		return err
	}
	parent[key] = string(b)
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
