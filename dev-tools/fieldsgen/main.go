// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// Files that are read and written, below the root of the repository.
const (
	fieldsFile        = "module/threatq/threat/_meta/fields.yml"
	mappingBaseFile   = "module/threatq/assets/mapping_base.yml"
	mappingSourceFile = "module/threatq/assets/mapping_source.json"
	mappingDestFile   = "module/threatq/assets/mapping_dest.json"
	topFieldsFile     = "fields.yml"
	docsFile          = "docs/fields.md"
)

func main() {
	root := flag.String("root", ".", "root of the repository")
	flag.Parse()
	if err := run(*root); err != nil {
		fmt.Fprintln(os.Stderr, "fieldsgen:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	files, err := generate(root)
	if err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("making the folder of %s: %w", name, err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return nil
}

// generate returns the content of each generated file by its path below root.
func generate(root string) (map[string][]byte, error) {
	read := func(name string) ([]byte, error) {
		return os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	}
	fields, err := read(fieldsFile)
	if err != nil {
		return nil, fmt.Errorf("reading the fields: %w", err)
	}
	base, err := read(mappingBaseFile)
	if err != nil {
		return nil, fmt.Errorf("reading the base of the mapping: %w", err)
	}
	leaves, err := parse(fields)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fieldsFile, err)
	}
	sourceMapping, err := makeMapping(base, leaves, source)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", mappingSourceFile, err)
	}
	destMapping, err := makeMapping(base, leaves, dest)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", mappingDestFile, err)
	}
	return map[string][]byte{
		mappingSourceFile: sourceMapping,
		mappingDestFile:   destMapping,
		topFieldsFile:     fieldsYAML(fields),
		docsFile:          docs(leaves),
	}, nil
}
