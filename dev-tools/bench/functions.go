// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// benchFunctions runs the Go benchmarks of the steps from page to event and of
// the whole path, and writes what they print to go.txt in dir.
func benchFunctions(dir string) error {
	file, err := os.Create(filepath.Join(dir, "go.txt"))
	if err != nil {
		return fmt.Errorf("creating the benchmarks' output: %w", err)
	}
	defer file.Close()
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", "^Benchmark(Scan|Decode|Map|Event|Path)$", "-benchmem",
		"./module/threatq/client", "./module/threatq/threat")
	cmd.Stdout, cmd.Stderr = io.MultiWriter(os.Stdout, file), os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running the Go benchmarks: %w", err)
	}
	return file.Close()
}
