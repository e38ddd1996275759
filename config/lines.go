// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Lines are the lines in a YAML file where settings stand, by their dotted names. A
// place in a list is a part of a name, counted from 0.
type Lines map[string]int

// ReadLines reads where the settings of a file stand. It refuses a setting that stands
// there twice, of which Libbeat would take one and ignore the other.
func ReadLines(file string) (Lines, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading a configuration file: %w", err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err) // with the line
	}
	lines := Lines{}
	var errs []error
	for _, node := range document.Content {
		lines.walk("", node, func(path string, first, second int) {
			errs = append(errs, fmt.Errorf("%s:%d: %s is set twice, in line %d already: remove one", file, second, path, first))
		})
	}
	return lines, Join(errs...)
}

// Of returns the line of the setting below prefix that an error is about, or of
// prefix itself; 0 when neither is known.
func (l Lines) Of(prefix string, err error) int {
	if wrong := (settingError{}); errors.As(err, &wrong) {
		if line := l[prefix+"."+wrong.path]; line > 0 {
			return line
		}
	}
	return l[prefix]
}

func (l Lines) walk(prefix string, node *yaml.Node, twice func(path string, first, second int)) {
	switch node.Kind {
	case yaml.SequenceNode:
		for i, element := range node.Content {
			path := strings.TrimPrefix(prefix+"."+strconv.Itoa(i), ".")
			l[path] = element.Line
			l.walk(path, element, twice)
		}
	case yaml.MappingNode:
		here := map[string]bool{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			path := strings.TrimPrefix(prefix+"."+key.Value, ".")
			line, known := l[path]
			// The same group may stand under several spellings of its name: a.b and a: {c}.
			if known && key.Value != "<<" && (here[key.Value] || value.Kind != yaml.MappingNode) {
				twice(path, line, key.Line)
			}
			here[key.Value] = true
			l[path] = key.Line
			l.walk(path, value, twice)
		}
	}
}
