// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// licence is a licence by its SPDX identifier and what its text always says,
// lower-case, white space single.
type licence struct {
	id   string
	says []string
	not  []string
}

func licences() []licence {
	const bsd = "redistribution and use in source and binary forms"
	return []licence{
		{id: "Apache-2.0", says: []string{"apache license", "version 2.0", "terms and conditions for use"}},
		{id: "Apache-2.0", says: []string{"licensed under the apache license, version 2.0"}},
		{id: "MPL-2.0", says: []string{"mozilla public license", "2.0"}},
		{id: "Elastic-2.0", says: []string{"elastic license 2.0"}},
		{id: "LicenseRef-Elastic-1.0", says: []string{"elastic license agreement"}},
		{id: "Unlicense", says: []string{"this is free and unencumbered software"}},
		{id: "MIT", says: []string{"permission is hereby granted, free of charge, to any person obtaining"}},
		{id: "ISC", says: []string{"permission to use, copy, modify, and", "with or without fee"}},
		{id: "BSD-3-Clause", says: []string{bsd, "endorse or promote products"}},
		{id: "BSD-2-Clause", says: []string{bsd}, not: []string{"endorse or promote products"}},
	}
}

// identify names the licences that a text grants. More than one may stand in a
// file, for parts of the module.
func identify(text string) []string {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	contains := func(part string) bool { return strings.Contains(text, part) }
	lacks := func(part string) bool { return !contains(part) }
	var found []string
	for _, l := range licences() {
		if !slices.ContainsFunc(l.not, contains) && !slices.ContainsFunc(l.says, lacks) && !slices.Contains(found, l.id) {
			found = append(found, l.id)
		}
	}
	return found
}

// licenceName matches licence files of code, which LICENSE.docs is not.
var licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)([.-].*)?$`)

// licenceFiles finds the licence files that apply to packages of a module: those
// in the directories of the packages and in the ones above, up to the module's.
func licenceFiles(m *module) ([]string, error) {
	if m.files != nil {
		return m.files, nil
	}
	var files []string
	seen := map[string]bool{}
	for _, dir := range m.packages {
		for !seen[dir] {
			seen[dir] = true
			entries, err := os.ReadDir(dir)
			if err != nil {
				return nil, fmt.Errorf("looking for the licence of %s: %w", m.Name, err)
			}
			for _, entry := range entries {
				if entry.Type().IsRegular() && isLicence(entry.Name()) {
					files = append(files, filepath.Join(dir, entry.Name()))
				}
			}
			if dir == m.dir {
				break
			}
			dir = filepath.Dir(dir)
		}
	}
	slices.Sort(files)
	return files, nil
}

func isLicence(name string) bool {
	ext := filepath.Ext(name)
	return licenceName.MatchString(name) && ext != ".go" && ext != ".docs"
}

var copyrightLine = regexp.MustCompile(`(?i)^\W*(copyright (\(c\)|©|\d{4}|[A-Z]).*|\(c\) \d{4}.*|© .*)$`)

// placeholder is what the appendix of a licence's text has in a copyright's place.
var placeholder = regexp.MustCompile(`(?i)\[yyyy\]|\{yyyy\}|<year>|\[fullname\]|copyright (owner|holder|notice|license|law|statement|and|interest)`)

// copyrights returns the lines of a text that claim copyright.
func copyrights(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		match := copyrightLine.FindStringSubmatch(strings.TrimSpace(line))
		if match != nil && !placeholder.MatchString(line) {
			lines = append(lines, strings.Join(strings.Fields(match[1]), " "))
		}
	}
	return lines
}

var thirdParty = regexp.MustCompile(`(?im)^(={8,}|-{8,}|.*third.party (libraries|code|components).*)$`)

// ownNotice returns what a NOTICE file says of the module itself. Where it goes
// on to list what the module in turn depends on, that is left out: those are
// modules of their own here.
func ownNotice(text string) string {
	if cut := thirdParty.FindStringIndex(text); cut != nil {
		text = text[:cut[0]]
	}
	return strings.TrimSpace(text)
}
