// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/threatqbeat/threatqbeat/dev-tools/generated"
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
		if err := put(properties, strings.Split(l.Path, "."), l.in(t)); err != nil {
			return nil, fmt.Errorf("field %s: %w", l.Path, err)
		}
	}
	if m == nil {
		m = map[string]any{}
	}
	m["properties"] = properties
	return generated.JSON(m), nil
}

// put sets the property at path, making the objects above it.
func put(properties map[string]any, path []string, leaf property) error {
	name := path[0]
	current, taken := properties[name]
	object, isObject := current.(map[string]any)
	switch {
	case taken && (len(path) == 1 || !isObject):
		return fmt.Errorf("%s is an object and a value at once", name)
	case len(path) == 1:
		properties[name] = leaf
		return nil
	case !taken:
		object = map[string]any{"properties": map[string]any{}}
		properties[name] = object
	}
	return put(object["properties"].(map[string]any), path[1:], leaf)
}

// in returns the field's entry in the mapping for t.
func (f field) in(t target) property {
	p := f.property
	if p.Type == "constant_keyword" && t == dest {
		// The index of active indicators holds all namespaces, and a
		// constant_keyword takes only one value per index.
		p.Type, p.Value = "keyword", ""
	}
	switch {
	case p.IgnoreAbove == noLimit:
		p.IgnoreAbove = 0
	case p.IgnoreAbove == 0 && p.Type == "keyword":
		p.IgnoreAbove = defaultIgnoreAbove
	}
	for _, m := range f.MultiFields {
		if p.Multi == nil {
			p.Multi = map[string]property{}
		}
		p.Multi[m.Name] = m.in(t)
	}
	return p
}
