// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/dev-tools/generated"
)

// object is a JSON object. encoding/json writes its keys in order.
type object = map[string]any

const (
	schemaDialect = "http://json-schema.org/draft-07/schema#"
	// variable is the value of any setting that is resolved later, from the
	// environment or the keystore.
	variable = `^\$\{.+\}$`
	// goDuration is what time.ParseDuration reads, 0 included.
	goDuration = `^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	lifetime   = `^[0-9]+[dhm]$`
	// sharedWithLibbeat is the section in which Libbeat has settings too.
	sharedWithLibbeat = "setup"
	byteSize          = `^[0-9]+(\.[0-9]+)? ?([kKMGT]i?)?[bB]?$`
)

// renderSchema returns the JSON schema of a configuration file: threatqbeat.yml,
// whose Libbeat sections it leaves alone, or a file of inputs.
func renderSchema() []byte {
	input, beat := newTree(config.InputSettings(), "input"), newTree(config.BeatSettings(), "file")
	definitions := object{}
	input.define(definitions, true)
	input.require(definitions[input.path].(object))
	beat.define(definitions, false)
	return generated.JSON(object{
		"$schema":     schemaDialect,
		"title":       "threatqbeat configuration",
		"description": "threatqbeat.yml, or a file of inputs below inputs.d.",
		"definitions": definitions,
		"if":          object{"type": "array"},
		"then":        object{"items": input.reference()},
		"else":        beat.reference(),
	})
}

// tree holds settings by the parts of their names.
type tree struct {
	path     string
	leaf     *config.Option
	children map[string]*tree
}

// newTree returns the settings of a scope below the definition of that name.
func newTree(scope *config.Scope, name string) *tree {
	root := &tree{path: name}
	for _, option := range scope.All() {
		root.at(option.Name).leaf = &option
	}
	for _, accepted := range scope.Accepted {
		root.at(accepted).leaf = &config.Option{Name: accepted, Type: config.TypeObject}
	}
	return root
}

func (t *tree) at(name string) *tree {
	for part := range strings.SplitSeq(name, ".") {
		if t.children == nil {
			t.children = map[string]*tree{}
		}
		if t.children[part] == nil {
			t.children[part] = &tree{path: t.path + "." + part}
		}
		t = t.children[part]
	}
	return t
}

func (t *tree) reference() object { return object{"$ref": "#/definitions/" + t.path} }

// define adds the JSON schema of t and of everything below it. A dotted name may
// be written with dots or as nested objects at any of its dots, so that each
// object knows all names below it. closed refuses other names.
func (t *tree) define(definitions object, closed bool) {
	if t.leaf != nil {
		definitions[t.path] = leafSchema(*t.leaf)
		return
	}
	properties := object{}
	t.visit("", func(name string, below *tree) { properties[name] = below.reference() })
	schema := object{"type": "object", "properties": properties}
	if closed {
		schema["additionalProperties"] = false
	}
	definitions[t.path] = schema
	for name, child := range t.children {
		child.define(definitions, closed || name != sharedWithLibbeat)
	}
}

// require demands the settings that have to be given, of the object that t is.
func (t *tree) require(schema object) {
	var required []any
	t.visit("", func(name string, below *tree) {
		if below.leaf != nil && below.leaf.Required {
			required = append(required, inAnyWriting(name))
		}
	})
	schema["allOf"] = required
}

// visit calls f with each section and setting below t, in the order of their
// names.
func (t *tree) visit(prefix string, f func(name string, below *tree)) {
	for _, part := range slices.Sorted(maps.Keys(t.children)) {
		child := t.children[part]
		f(prefix+part, child)
		if child.leaf == nil {
			child.visit(prefix+part+".", f)
		}
	}
}

// inAnyWriting demands a setting in one of its writings: by its whole name, or as
// a section that has the rest of it, in any writing again.
func inAnyWriting(name string) object {
	var writings []any
	for at, char := range name {
		if char == '.' {
			section, rest := name[:at], name[at+1:]
			writings = append(writings, object{
				"required":   []string{section},
				"properties": object{section: inAnyWriting(rest)},
			})
		}
	}
	whole := object{"required": []string{name}}
	if len(writings) == 0 {
		return whole
	}
	return object{"anyOf": append(writings, whole)}
}

// typeSchemas are what the values of a type look like, where the type says all of it.
var typeSchemas = map[config.Type][]object{
	config.TypeBool:     {{"type": "boolean"}},
	config.TypeDuration: {{"type": "string", "pattern": goDuration}, {"const": 0}},
	config.TypeLifetime: {{"type": "string", "pattern": lifetime}},
	config.TypeBytes:    {{"type": "string", "pattern": byteSize}, {"type": "integer", "minimum": 0}},
	config.TypeList:     {{"type": "array", "items": object{"type": "string"}}},
}

func leafSchema(option config.Option) object {
	var schema object
	switch option.Type {
	case config.TypeInt, config.TypeFloat:
		number := object{"type": "integer"}
		if option.Type == config.TypeFloat {
			number["type"] = "number"
		}
		for key, bound := range map[string]string{"minimum": option.Min, "maximum": option.Max} {
			if value, err := strconv.ParseFloat(bound, 64); err == nil {
				number[key] = value
			}
		}
		schema = orVariable(number)
	case config.TypeFileMode:
		schema = object{"type": []string{"integer", "string"}}
	case config.TypeObject:
		schema = object{}
	case config.TypeProcessors:
		schema = object{"type": "array", "items": object{"type": "object"}}
	case config.TypeInputs:
		schema = object{"type": "array", "items": object{"$ref": "#/definitions/input"}}
	default:
		schemas := typeSchemas[option.Type]
		switch {
		case len(option.Values) > 0:
			schemas = []object{{"enum": option.Values}}
		case schemas == nil:
			schemas = []object{{"type": []string{"string", "integer"}}}
		}
		schema = orVariable(schemas...)
	}
	if option.Description != "" {
		schema["description"] = oneLine(plain(option.Description))
	}
	if option.Default != nil {
		schema["default"] = option.Default
	}
	return schema
}

// orVariable allows a value that fits one of the schemas, or a variable.
func orVariable(schemas ...object) object {
	return object{"anyOf": append(slices.Clone(schemas), object{"type": "string", "pattern": variable})}
}
