// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package fleetpackage

import (
	"fmt"
	"io/fs"

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
func readFields(root fs.FS) ([]field, error) {
	const name = "module/threatq/threat/_meta/fields.yml"
	content, err := fs.ReadFile(root, name)
	if err != nil {
		return nil, fmt.Errorf("reading the fields: %w", err)
	}
	var sections []struct {
		Fields []field `yaml:"fields"`
	}
	if err := yaml.Unmarshal(content, &sections); err != nil {
		return nil, fmt.Errorf("reading the fields of %s: %w", name, err)
	}
	var fields []field
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
func packageFields(fields []field, of index) ([]field, error) {
	var converted []field
	for _, f := range fields {
		if of == destination && f["source_only"] == true {
			continue
		}
		c := field{}
		for key, value := range f {
			switch {
			case key == "source_only", key == "depth_limit":
			case key == "ignore_above" && value == -1:
			case key == "value" && of == destination:
			case key == "type" && value == "constant_keyword" && of == destination:
				// The index holds several namespaces, a constant but one.
				c[key] = "keyword"
			case key == "fields":
				below, err := fieldList(value)
				if err != nil {
					return nil, fmt.Errorf("field %v: %w", f["name"], err)
				}
				if c[key], err = packageFields(below, of); err != nil {
					return nil, fmt.Errorf("field %v: %w", f["name"], err)
				}
			default:
				c[key] = value
			}
		}
		converted = append(converted, c)
	}
	return converted, nil
}

func fieldList(value any) ([]field, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("fields is %T instead of a list", value)
	}
	fields := make([]field, 0, len(list))
	for _, e := range list {
		f, ok := e.(field)
		if !ok {
			return nil, fmt.Errorf("a field is %T instead of an object", e)
		}
		fields = append(fields, f)
	}
	return fields, nil
}
