// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// component is a module with what NOTICE says of it.
type component struct {
	module
	licences   []string // SPDX identifiers, sorted
	copyrights []string
	notice     string

	// text is its licence, where that is of one kind, to stand for that kind.
	text string
}

// describe reads the licences and notices of modules.
func describe(modules []module) ([]component, error) {
	components := make([]component, 0, len(modules))
	for _, m := range modules {
		c, err := describeOne(m)
		if err != nil {
			return nil, err
		}
		components = append(components, c)
	}
	return components, nil
}

func describeOne(m module) (component, error) {
	c := component{module: m}
	files, err := licenceFiles(m)
	if err != nil {
		return c, err
	}
	if len(files) == 0 {
		return c, fmt.Errorf("%s %s has no licence file", m.name, m.version)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			return c, fmt.Errorf("reading the licence of %s: %w", m.name, err)
		}
		text := strings.ReplaceAll(string(content), "\r\n", "\n")
		found := identify(text)
		if len(found) == 0 {
			return c, fmt.Errorf("%s of %s %s is of no licence known to dev-tools/notice", filepath.Base(name), m.name, m.version)
		}
		c.licences = append(c.licences, found...)
		c.copyrights = append(c.copyrights, copyrights(text)...)
		c.text = text
	}
	slices.Sort(c.licences)
	c.licences = slices.Compact(c.licences)
	slices.Sort(c.copyrights)
	c.copyrights = slices.Compact(c.copyrights)
	c.notice, err = noticeOf(m)
	return c, err
}

func noticeOf(m module) (string, error) {
	names, err := filepath.Glob(filepath.Join(m.dir, "NOTICE*"))
	if err != nil || len(names) == 0 {
		return "", err
	}
	content, err := os.ReadFile(names[0])
	if err != nil {
		return "", fmt.Errorf("reading the notice of %s: %w", m.name, err)
	}
	return ownNotice(string(content)), nil
}
