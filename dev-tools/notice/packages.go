// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/threatqbeat/threatqbeat/dev-tools/packaging"
)

// linked is a package in the binary, as `go list -json` describes it.
type linked struct {
	ImportPath string
	Dir        string
	Standard   bool
	Module     *goModule

	// packaged tells whether it is in the packages too, or only in what
	// `go build` makes, see [packaging.Dropped].
	packaged bool
}

type goModule struct {
	Path    string
	Version string
	Dir     string
	Main    bool
	Replace *goModule
}

// linkedPackages lists the packages of other modules that the binary contains
// on at least one platform.
func linkedPackages(ctx context.Context, root string) ([]linked, error) {
	source := packaging.Source{Root: root}
	trimmed, err := source.Trim(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]linked{}
	for _, target := range packaging.Targets() {
		listed, err := listPackages(ctx, root, target)
		if err != nil {
			return nil, fmt.Errorf("listing the packages for %s: %w", target, err)
		}
		packaged, err := listPackages(ctx, root, target, trimmed...)
		if err != nil {
			return nil, fmt.Errorf("listing the packages that are packaged for %s: %w", target, err)
		}
		for path, p := range listed {
			if !p.Standard && p.Module != nil && !p.Module.Main {
				_, p.packaged = packaged[path]
				p.packaged = p.packaged || all[path].packaged
				all[path] = p
			}
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b linked) int {
		return cmp.Compare(a.ImportPath, b.ImportPath)
	}), nil
}

// listPackages returns the packages of the binary by their import paths.
func listPackages(ctx context.Context, root string, target packaging.Target, flags ...string) (map[string]linked, error) {
	args := append([]string{"list", "-deps", "-json=ImportPath,Dir,Standard,Module"}, flags...)
	out, err := packaging.Command(ctx, root, target.Env(), "go", append(args, ".")...)
	if err != nil {
		return nil, err
	}
	packages := map[string]linked{}
	for decoder := json.NewDecoder(strings.NewReader(out)); decoder.More(); {
		var p linked
		if err := decoder.Decode(&p); err != nil {
			return nil, fmt.Errorf("reading what go list printed: %w", err)
		}
		packages[p.ImportPath] = p
	}
	return packages, nil
}
