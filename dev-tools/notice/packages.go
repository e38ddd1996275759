// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"

	"github.com/threatqbeat/threatqbeat/dev-tools/packaging"
)

// goPackage is what `go list -json` says of a package.
type goPackage struct {
	ImportPath string
	Dir        string
	Standard   bool
	Imports    []string
	ImportMap  map[string]string
	Module     *goModule
}

type goModule struct {
	Path    string
	Version string
	Dir     string
	Main    bool
	Replace *goModule
}

// linked is a package in the binary.
type linked struct {
	goPackage

	// packaged tells whether it is in the packages too, or only in what
	// `go build` makes, see [packaging.Dropped].
	packaged bool
}

// linkedPackages lists the packages of other modules that the binary contains
// on at least one platform.
func linkedPackages(ctx context.Context, root string) ([]linked, error) {
	all := map[string]linked{}
	for _, target := range packaging.Targets() {
		listed, err := listPackages(ctx, root, target)
		if err != nil {
			return nil, fmt.Errorf("listing the packages for %s: %w", target, err)
		}
		packaged := reachable(listed, packaging.Dropped())
		for _, p := range listed {
			if p.Standard || p.Module == nil || p.Module.Main {
				continue
			}
			before := all[p.ImportPath]
			all[p.ImportPath] = linked{p, packaged[p.ImportPath] || before.packaged}
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b linked) int {
		return cmp.Compare(a.ImportPath, b.ImportPath)
	}), nil
}

func listPackages(ctx context.Context, root string, target packaging.Target) ([]goPackage, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps",
		"-json=ImportPath,Dir,Standard,Imports,ImportMap,Module", ".")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS="+target.OS, "GOARCH="+target.Arch, "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return nil, fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return nil, err
	}
	var packages []goPackage
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading what go list printed: %w", err)
		}
		packages = append(packages, p)
	}
}

// reachable follows the imports from the last package, which is the one that
// was asked for, without entering the dropped ones.
func reachable(packages []goPackage, dropped []string) map[string]bool {
	byPath := map[string]goPackage{}
	for _, p := range packages {
		byPath[p.ImportPath] = p
	}
	seen := map[string]bool{}
	pending := []string{packages[len(packages)-1].ImportPath}
	for len(pending) > 0 {
		path := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if seen[path] || slices.Contains(dropped, path) {
			continue
		}
		seen[path] = true
		p := byPath[path]
		for _, imported := range p.Imports {
			if mapped, ok := p.ImportMap[imported]; ok {
				imported = mapped
			}
			pending = append(pending, imported)
		}
	}
	return seen
}
