// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package generated is what the generators share: how they make their files, and write them.
package generated

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"go.yaml.in/yaml/v3"
)

// Main is the main function of a generator. create returns the content of each file by
// its slash-separated path below the root of the repository, which the flag -root
// names.
func Main(name string, create func(root string) (map[string][]byte, error)) {
	root := flag.String("root", ".", "root of the repository")
	flag.Parse()
	files, err := create(*root)
	if err == nil {
		err = Write(*root, files)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %s\n", name, err)
		os.Exit(1)
	}
}

// Write writes files below dir.
func Write(dir string, files map[string][]byte) error {
	for name, content := range files {
		target := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return fmt.Errorf("creating a folder: %w", err)
		}
		if err := os.WriteFile(target, content, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return nil
}

// Execute fills in a template with data. Its delimiters are {{ and }} unless others are named.
func Execute(name, text string, funcs template.FuncMap, data any, delimiters ...string) ([]byte, error) {
	tmpl := template.New(name).Funcs(funcs)
	if len(delimiters) == 2 {
		tmpl.Delims(delimiters[0], delimiters[1])
	}
	if _, err := tmpl.Parse(text); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err := tmpl.Execute(&out, data)
	return out.Bytes(), err
}

// YAML writes what was read from YAML or JSON, so that it can't fail.
func YAML(value any) []byte {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// JSON is YAML for a JSON file. It leaves <, > and & as they are.
func JSON(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	return out.Bytes()
}
