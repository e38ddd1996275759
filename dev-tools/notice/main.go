// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	root := flag.String("root", ".", "root of the repository")
	flag.Parse()
	if err := run(context.Background(), *root); err != nil {
		fmt.Fprintln(os.Stderr, "notice:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root string) error {
	packages, err := linkedPackages(ctx, root)
	if err != nil {
		return err
	}
	components, err := describe(modulesOf(packages))
	if err != nil {
		return err
	}
	text, err := render(components)
	if err != nil {
		return err
	}
	target := filepath.Join(root, "NOTICE")
	if err := os.WriteFile(target, text, 0o644); err != nil {
		return fmt.Errorf("writing the notice: %w", err)
	}
	return nil
}
