// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// beats is the one module with two licences, told apart by directory.
const (
	beats          = "github.com/elastic/beats/v7"
	beatsElastic   = "x-pack"
	elasticLicence = "licenses/ELASTIC-LICENSE-2.0.txt"
)

// module is a part of the binary that has one version and one set of licences.
type module struct {
	name     string // module path, with a directory where that matters
	version  string
	dir      string
	packaged bool

	// files are the paths of its licence files, where they aren't the ones
	// found in the directories of its packages.
	files []string

	// packages are the directories of the packages that are linked in.
	packages []string
}

// modulesOf groups packages by module, sorted by name.
func modulesOf(packages []linked) []module {
	byName := map[string]*module{}
	for _, p := range packages {
		m := moduleOf(p)
		known, ok := byName[m.name]
		if !ok {
			byName[m.name] = &m
			known = &m
		}
		known.packaged = known.packaged || p.packaged
		known.packages = append(known.packages, p.Dir)
	}
	var modules []module
	for _, m := range slices.SortedFunc(maps.Values(byName), func(a, b *module) int { return cmp.Compare(a.name, b.name) }) {
		modules = append(modules, *m)
	}
	return modules
}

func moduleOf(p linked) module {
	source := p.Module
	name := source.Path
	if source.Replace != nil {
		source = source.Replace
		name += " => " + source.Path
	}
	m := module{name: name, version: source.Version, dir: source.Dir}
	if p.Module.Path == beats {
		m.files = []string{filepath.Join(source.Dir, "licenses", "APACHE-LICENSE-2.0.txt")}
		if strings.HasPrefix(p.ImportPath, beats+"/"+beatsElastic+"/") {
			m.name += "/" + beatsElastic
			m.files = []string{filepath.Join(source.Dir, filepath.FromSlash(elasticLicence))}
		}
	}
	return m
}
