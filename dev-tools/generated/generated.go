// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package generated writes the files that a generator makes.
package generated

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
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
