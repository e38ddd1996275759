// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/dev-tools/generated"
)

func main() { generated.Main("optionsgen", generate) }

// generate returns the generated files by their slash-separated paths.
func generate(root string) (map[string][]byte, error) {
	structs, err := renderStructs(config.InputSettings(), config.BeatSettings())
	if err != nil {
		return nil, fmt.Errorf("generating the structs: %w", err)
	}
	files := map[string][]byte{
		"docs/threatqbeat.schema.json": renderSchema(),
		"config/settings_generated.go": structs,
	}
	for name, source := range map[string]string{
		"threatqbeat.yml":                                            "_meta/threatqbeat.yml.tmpl",
		"threatqbeat.reference.yml":                                  "_meta/threatqbeat.reference.yml.tmpl",
		"docs/configuration.md":                                      "_meta/configuration.md.tmpl",
		"_meta/fleet/data_stream/threat/manifest.yml":                "_meta/fleet_manifest.yml.tmpl",
		"_meta/fleet/data_stream/threat/agent/stream/stream.yml.hbs": "_meta/fleet_stream.yml.hbs.tmpl",
	} {
		content, err := execute(root, source)
		if err != nil {
			return nil, fmt.Errorf("generating %s: %w", name, err)
		}
		files[name] = content
	}
	return files, nil
}

// execute renders one of the templates in _meta.
func execute(root, source string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(source)))
	if err != nil {
		return nil, err
	}
	left, right := "{{", "}}"
	if strings.HasPrefix(source, "_meta/fleet_") {
		left, right = "[[", "]]" // the other ones are Handlebars'
	}
	input, beat := config.InputSettings(), config.BeatSettings()
	return generated.Execute(source, string(text), template.FuncMap{
		"manifest":        func() string { return fleetManifest(input) },
		"variables":       func() []fleetVariable { return fleetVariablesOf(input) },
		"banner":          banner,
		"default":         defaultOf,
		"beat":            beatSection,
		"settings":        options,
		"setting":         setting,
		"comment":         comment,
		"sslOptions":      sslOptions,
		"inputScope":      func() *config.Scope { return input },
		"beatScope":       func() *config.Scope { return beat },
		"scopes":          func() []*config.Scope { return []*config.Scope{input, beat} },
		"libbeatSections": func(file string) []config.LibbeatSection { return config.LibbeatSections()[file] },
		"fullNames":       config.LibbeatSection.FullNames,
		"markdownDefault": markdownDefault,
		"limits":          limits,
		"summary":         summary,
		"anchor":          anchor,
		"cell":            cell,
		"trim":            strings.TrimSpace,
		"split":           strings.Fields,
	}, nil, left, right)
}

// defaultOf returns the default of an input's or the beat's own setting.
func defaultOf(name string) (string, error) {
	for _, scope := range []*config.Scope{config.InputSettings(), config.BeatSettings()} {
		if option, ok := scope.Lookup(name); ok {
			if option.Default == nil {
				return "", fmt.Errorf("setting %s has no default", name)
			}
			return flow(option, option.Default), nil
		}
	}
	return "", fmt.Errorf("there is no setting %s", name)
}

// banner returns a comment line that heads a part of a configuration file.
func banner(title string) string {
	const width = 78
	left := (width - len(title) - 3) / 2
	return "#" + strings.Repeat("=", left) + " " + title + " " + strings.Repeat("=", width-left-len(title)-3)
}
