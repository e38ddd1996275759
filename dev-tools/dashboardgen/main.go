// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	out := flag.String("o", "", "folder to write the saved objects to, one folder for each type")
	flag.Parse()
	if *out == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "dashboardgen:", err)
		os.Exit(1)
	}
}

// run replaces the saved objects below dir.
func run(dir string) error {
	files, err := generate()
	if err != nil {
		return err
	}
	for _, kind := range []string{"dashboard", "index-pattern", "search", "tag"} {
		if err := os.RemoveAll(filepath.Join(dir, kind)); err != nil {
			return fmt.Errorf("removing the former objects: %w", err)
		}
		if err := os.MkdirAll(filepath.Join(dir, kind), 0o755); err != nil {
			return fmt.Errorf("creating a folder for the objects: %w", err)
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return fmt.Errorf("writing an object: %w", err)
		}
	}
	return nil
}

// generate returns the content of each file by its path, type/id.json.
func generate() (map[string][]byte, error) {
	objects := []savedObject{tag(), dataView()}
	for _, s := range searches {
		objects = append(objects, s.object())
	}
	for _, d := range dashboards {
		o, err := d.object()
		if err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
	files := map[string][]byte{}
	for _, o := range objects {
		name := filepath.Join(o.Type, o.ID+".json")
		if _, ok := files[name]; ok {
			return nil, fmt.Errorf("two objects of type %s have the id %s", o.Type, o.ID)
		}
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(o); err != nil {
			return nil, fmt.Errorf("encoding %s %s: %w", o.Type, o.ID, err)
		}
		files[name] = b.Bytes()
	}
	return files, nil
}
