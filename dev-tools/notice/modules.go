// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// beats is the one module with two licences, told apart by directory.
const (
	beats        = "github.com/elastic/beats/v7"
	beatsElastic = "x-pack"
)

// module is a part of the binary that has one version and one set of licences,
// with what NOTICE says of it.
type module struct {
	Name       string // module path, with a directory where that matters
	Version    string
	Packaged   bool
	Licences   []string // SPDX identifiers, sorted
	Copyrights []string
	Notice     string

	dir string

	// text is that of its licence, which NOTICE quotes from a module with one licence.
	text string

	// files are the paths of its licence files, where they aren't the ones
	// found in the directories of its packages.
	files []string

	// packages are the directories of the packages that are linked in.
	packages []string
}

// modulesOf groups packages by module, sorted by name.
func modulesOf(packages []linked) []*module {
	byName := map[string]*module{}
	for _, p := range packages {
		m := moduleOf(p)
		known, ok := byName[m.Name]
		if !ok {
			byName[m.Name], known = m, m
		}
		known.Packaged = known.Packaged || p.packaged
		known.packages = append(known.packages, p.Dir)
	}
	var modules []*module
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		modules = append(modules, byName[name])
	}
	return modules
}

func moduleOf(p linked) *module {
	source := p.Module
	name := source.Path
	if source.Replace != nil {
		source = source.Replace
		name += " => " + source.Path
	}
	m := &module{Name: name, Version: source.Version, dir: source.Dir}
	if p.Module.Path == beats {
		m.files = []string{filepath.Join(source.Dir, "licenses", "APACHE-LICENSE-2.0.txt")}
		if strings.HasPrefix(p.ImportPath, beats+"/"+beatsElastic+"/") {
			m.Name += "/" + beatsElastic
			m.files = []string{filepath.Join(source.Dir, "licenses", "ELASTIC-LICENSE-2.0.txt")}
		}
	}
	return m
}

// describe reads the licences and the notice of the module.
func (m *module) describe() error {
	files, err := licenceFiles(m)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%s %s has no licence file", m.Name, m.Version)
	}
	for _, name := range files {
		text, err := read(name)
		if err != nil {
			return err
		}
		found := identify(text)
		if len(found) == 0 {
			return fmt.Errorf("%s of %s %s is of no licence known to dev-tools/notice", filepath.Base(name), m.Name, m.Version)
		}
		m.Licences = append(m.Licences, found...)
		m.Copyrights = append(m.Copyrights, copyrights(text)...)
		m.text = text
	}
	m.Licences = sortedOnce(m.Licences)
	m.Copyrights = sortedOnce(m.Copyrights)
	notices, err := filepath.Glob(filepath.Join(m.dir, "NOTICE*"))
	if err != nil || len(notices) == 0 {
		return err
	}
	text, err := read(notices[0])
	m.Notice = ownNotice(text)
	return err
}

// blankEnd matches the end of a line with the white space before it.
var blankEnd = regexp.MustCompile(`[ \t\r]*\n`)

// read returns a text without the white space at the end of its lines.
func read(name string) (string, error) {
	content, err := os.ReadFile(name)
	return blankEnd.ReplaceAllString(string(content), "\n"), err
}

func sortedOnce(texts []string) []string { return slices.Compact(slices.Sorted(slices.Values(texts))) }
