// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"go.yaml.in/yaml/v3"
)

// target is the index that a mapping is for.
type target int

const (
	source target = iota // the data stream that the events go to
	dest                 // the index of active indicators
)

// makeMapping returns the mapping for t as JSON: base, which is the part written by
// hand, with a property for each field.
func makeMapping(base []byte, leaves []leaf, t target) ([]byte, error) {
	var m map[string]any
	if err := yaml.Unmarshal(base, &m); err != nil {
		return nil, fmt.Errorf("reading the base of the mapping: %w", err)
	}
	properties := map[string]any{}
	for _, l := range leaves {
		if t == dest && l.SourceOnly {
			continue
		}
		if err := put(properties, strings.Split(l.Path, "."), l.property(t)); err != nil {
			return nil, fmt.Errorf("field %s: %w", l.Path, err)
		}
	}
	out := maps.Clone(m)
	if out == nil {
		out = map[string]any{}
	}
	out["properties"] = properties
	data, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the mapping: %w", err)
	}
	return append(data, '\n'), nil
}

// put sets the property at path, making the objects above it.
func put(properties map[string]any, path []string, property map[string]any) error {
	name := path[0]
	if len(path) == 1 {
		if _, taken := properties[name]; taken {
			return fmt.Errorf("%s is an object and a value at once", name)
		}
		properties[name] = property
		return nil
	}
	object, ok := properties[name].(map[string]any)
	if !ok {
		object = map[string]any{"properties": map[string]any{}}
		properties[name] = object
	}
	below, ok := object["properties"].(map[string]any)
	if !ok {
		return fmt.Errorf("%s is an object and a value at once", name)
	}
	return put(below, path[1:], property)
}

// property returns the field's entry in the mapping for t.
func (f field) property(t target) map[string]any {
	typ := f.Type
	p := map[string]any{}
	if typ == "constant_keyword" {
		if t == dest {
			// The index of active indicators holds all namespaces, and a
			// constant_keyword takes but one value an index.
			typ = "keyword"
		} else if f.Value != "" {
			p["value"] = f.Value
		}
	}
	p["type"] = typ
	if f.Index != nil {
		p["index"] = *f.Index
	}
	if f.DocValues != nil {
		p["doc_values"] = *f.DocValues
	}
	switch {
	case f.IgnoreAbove > 0:
		p["ignore_above"] = f.IgnoreAbove
	case f.IgnoreAbove == 0 && typ == "keyword":
		p["ignore_above"] = defaultIgnoreAbove
	}
	if f.IgnoreMalformed != nil {
		p["ignore_malformed"] = *f.IgnoreMalformed
	}
	if f.DepthLimit > 0 {
		p["depth_limit"] = f.DepthLimit
	}
	if len(f.MultiFields) > 0 {
		fields := map[string]any{}
		for _, m := range f.MultiFields {
			fields[m.Name] = m.property(t)
		}
		p["fields"] = fields
	}
	return p
}
