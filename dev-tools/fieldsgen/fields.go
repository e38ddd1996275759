// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxTermChars is the longest string whose UTF-8 encoding surely fits Lucene's
// limit of 32766 bytes for a term.
const maxTermChars = 32766 / 4

// defaultIgnoreAbove is the ignore_above, in characters, of a keyword that
// names none: the value that ECS uses.
const defaultIgnoreAbove = 1024

// noLimit as ignore_above says that a field has no limit.
const noLimit = -1

// section is the outermost level of a fields.yml.
type section struct {
	Key         string  `yaml:"key"`
	Title       string  `yaml:"title"`
	Description string  `yaml:"description"`
	Fields      []field `yaml:"fields"`
}

// field is one entry of a fields.yml. Its keys are those that Libbeat reads,
// and ignore_malformed, value, depth_limit and source_only.
type field struct {
	property    `yaml:",inline"`
	Name        string  `yaml:"name"`
	Description string  `yaml:"description"`
	Fields      []field `yaml:"fields"`
	MultiFields []field `yaml:"multi_fields"`
	// SourceOnly keeps a field out of the index of active indicators.
	SourceOnly bool `yaml:"source_only"`
}

// property is what a mapping has of a field.
type property struct {
	DepthLimit  int                 `yaml:"depth_limit" json:"depth_limit,omitempty"`
	DocValues   *bool               `yaml:"doc_values" json:"doc_values,omitempty"`
	Multi       map[string]property `yaml:"-" json:"fields,omitempty"`
	IgnoreAbove int                 `yaml:"ignore_above" json:"ignore_above,omitempty"`
	// IgnoreMalformed overrides the index setting of the same name.
	IgnoreMalformed *bool  `yaml:"ignore_malformed" json:"ignore_malformed,omitempty"`
	Index           *bool  `yaml:"index" json:"index,omitempty"`
	Type            string `yaml:"type" json:"type"`
	Value           string `yaml:"value" json:"value,omitempty"`
}

// leaf is a field that holds values, with its full name.
type leaf struct {
	field
	Path string
}

// knownTypes are the mapping types that the generator writes.
var knownTypes = map[string]bool{
	"boolean": true, "constant_keyword": true, "date": true, "flattened": true, "ip": true,
	"keyword": true, "long": true, "match_only_text": true, "wildcard": true,
}

// parse reads a fields.yml and returns its fields flat, in the order of the
// file. It refuses what would make a mapping that loses documents.
func parse(data []byte) ([]leaf, error) {
	var sections []section
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&sections); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the fields: %w", err)
	}
	var leaves []leaf
	for _, s := range sections {
		leaves = flatten(leaves, "", s.Fields)
	}
	seen := make(map[string]bool, len(leaves))
	for _, l := range leaves {
		if seen[l.Path] {
			return nil, fmt.Errorf("field %s is described twice", l.Path)
		}
		seen[l.Path] = true
		if err := l.check(); err != nil {
			return nil, fmt.Errorf("field %s: %w", l.Path, err)
		}
	}
	return leaves, nil
}

func flatten(leaves []leaf, prefix string, fields []field) []leaf {
	for _, f := range fields {
		path := f.Name
		if prefix != "" {
			path = prefix + "." + f.Name
		}
		if f.Type == "group" || len(f.Fields) > 0 {
			leaves = flatten(leaves, path, f.Fields)
			continue
		}
		f.Description = strings.Join(strings.Fields(f.Description), " ")
		leaves = append(leaves, leaf{field: f, Path: path})
	}
	return leaves
}

func (l leaf) check() error {
	if !knownTypes[l.Type] {
		return fmt.Errorf("type %q is not one that fieldsgen writes", l.Type)
	}
	if l.Description == "" {
		return errors.New("has no description")
	}
	if l.Value != "" && l.Type != "constant_keyword" {
		return fmt.Errorf("only a constant_keyword has a value, not a %s", l.Type)
	}
	if l.DepthLimit != 0 && l.Type != "flattened" {
		return fmt.Errorf("only a flattened field has a depth_limit, not a %s", l.Type)
	}
	switch l.Type {
	case "keyword":
		if l.IgnoreAbove == noLimit && (l.Index == nil || *l.Index || l.DocValues == nil || *l.DocValues) {
			return errors.New("an indexed keyword needs an ignore_above, or one long value costs its document")
		}
		if l.IgnoreAbove > maxTermChars {
			return fmt.Errorf("ignore_above is %d, at most %d is safe", l.IgnoreAbove, maxTermChars)
		}
	case "flattened":
		if l.IgnoreAbove <= 0 || l.IgnoreAbove > maxTermChars/2 {
			return fmt.Errorf("a flattened field needs an ignore_above from 1 to %d, because its values are indexed together with their names", maxTermChars/2)
		}
	}
	return nil
}
