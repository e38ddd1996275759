// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"gopkg.in/yaml.v3"

	"github.com/threatqbeat/threatqbeat/internal/options"
)

// libbeatSection is a section of settings that are Libbeat's, not ours.
type libbeatSection struct {
	options.Section `yaml:",inline"`
	// Key is the setting that the others are nested below, such as
	// output.kafka. Without it they stand at the top, by their full names.
	Key string `yaml:"key"`
	// Active shows Key without the comment sign.
	Active bool `yaml:"active"`
	// SSL is the prefix of the section's TLS settings, if it has any.
	SSL string `yaml:"ssl"`
}

// name returns the full name of one of the section's settings.
func (s libbeatSection) name(option options.Option) string {
	if s.Key == "" {
		return option.Name
	}
	return s.Key + "." + option.Name
}

// generate returns the generated files by their slash-separated paths.
func generate(root string) (map[string][]byte, error) {
	schema, err := renderSchema()
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"docs/threatqbeat.schema.json": schema}
	for name, source := range map[string]string{
		"threatqbeat.yml":           "_meta/threatqbeat.yml.tmpl",
		"threatqbeat.reference.yml": "_meta/threatqbeat.reference.yml.tmpl",
		"docs/configuration.md":     "_meta/configuration.md.tmpl",
	} {
		content, err := execute(root, source, commentedStyle)
		if err != nil {
			return nil, fmt.Errorf("generating %s: %w", name, err)
		}
		files[name] = content
	}
	return files, nil
}

// execute renders one of the templates in _meta.
func execute(root, source string, style yamlStyle) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(source)))
	if err != nil {
		return nil, err
	}
	tmpl, err := template.New(source).Funcs(template.FuncMap{
		"banner":       banner,
		"default":      defaultOf,
		"input":        style.inputSections,
		"beat":         style.beatSection,
		"libbeat":      func(file string) (string, error) { return style.libbeatFile(root, file) },
		"glance":       glance,
		"sections":     markdownSections,
		"libbeatTable": func(files ...string) (string, error) { return libbeatTables(root, files) },
	}).Parse(string(text))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := tmpl.Execute(&out, nil); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// loadLibbeat reads the definitions of _meta/libbeat/<file>.yml.
func loadLibbeat(root, file string) ([]libbeatSection, error) {
	path := filepath.Join(root, "_meta", "libbeat", file+".yml")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var sections []libbeatSection
	if err := decoder.Decode(&sections); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return sections, nil
}

// defaultOf returns the default of an input's or the beat's own setting.
func defaultOf(name string) (string, error) {
	for _, scope := range []*options.Scope{options.Input(), options.Beat()} {
		if option, ok := scope.Lookup(name); ok {
			if option.Default == nil {
				return "", fmt.Errorf("setting %s has no default", name)
			}
			return flow(option, option.Default)
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
