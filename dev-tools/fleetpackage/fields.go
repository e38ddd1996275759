// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package fleetpackage

import (
	"fmt"
	"io/fs"
	"maps"

	"go.yaml.in/yaml/v3"
)

// A field is one entry of a fields.yml, with whatever keys it has.
type field = map[string]any

// index is where fields are for.
type index int

const (
	source      index = iota // the data stream
	destination              // the index of active indicators
)

// readFields returns the fields of the data stream.
func readFields(root fs.FS) ([]any, error) {
	const name = "module/threatq/threat/_meta/fields.yml"
	content, err := fs.ReadFile(root, name)
	if err != nil {
		return nil, fmt.Errorf("reading the fields: %w", err)
	}
	var sections []struct {
		Fields []any `yaml:"fields"`
	}
	if err := yaml.Unmarshal(content, &sections); err != nil {
		return nil, fmt.Errorf("reading the fields of %s: %w", name, err)
	}
	var fields []any
	for _, s := range sections {
		fields = append(fields, s.Fields...)
	}
	if len(fields) == 0 {
		return nil, fmt.Errorf("%s has no fields", name)
	}
	return fields, nil
}

// packageFields returns the fields of an index in the form of the package specification, which does
// not know some keys. What those say stands in the mapping.
func packageFields(fields []any, of index) []any {
	var converted []any
	for _, entry := range fields {
		f := entry.(field) // fieldsgen has read it
		if of == destination && f["source_only"] == true {
			continue
		}
		c := maps.Clone(f)
		delete(c, "source_only")
		delete(c, "depth_limit")
		if c["ignore_above"] == -1 {
			delete(c, "ignore_above")
		}
		if of == destination {
			delete(c, "value")
			if c["type"] == "constant_keyword" {
				// The index holds several namespaces, a constant only one.
				c["type"] = "keyword"
			}
		}
		if below, ok := c["fields"].([]any); ok {
			c["fields"] = packageFields(below, of)
		}
		converted = append(converted, c)
	}
	return converted
}
