// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/go-ucfg"
)

// CheckInput refuses settings that a threatq input does not have. The error
// names the input, each unknown setting and the one that was probably meant.
// Settings that every input shares (tags, processors, index, ...) and those
// that Elastic Agent adds are known. Values are not looked at.
func CheckInput(cfg *config.C) error {
	return check(cfg, InputSettings(), describeInput(cfg))
}

// CheckBeat does the same for the section threatqbeat of threatqbeat.yml, given
// without its key. It does not look into the inputs.
func CheckBeat(section *config.C) error {
	return check(section, scopeBelow("threatqbeat."), "section threatqbeat")
}

// CheckSetup does the same for the section setup, given without its key, of which
// only the settings of the pipelines and of the transforms are threatqbeat's alone.
func CheckSetup(section *config.C) error {
	scope := scopeBelow("setup.")
	for _, field := range section.GetFields() {
		if field != "pipelines" && field != "transforms" {
			scope.Accepted = append(scope.Accepted, field)
		}
	}
	return check(section, scope, "section setup")
}

// scopeBelow returns the settings above the inputs whose names begin with prefix,
// without it.
func scopeBelow(prefix string) *Scope {
	scope := &Scope{}
	for _, option := range BeatSettings().All() {
		if name, ok := strings.CutPrefix(option.Name, prefix); ok {
			option.Name = name
			scope.Sections = append(scope.Sections, Section{Options: []Option{option}})
		}
	}
	return scope
}

func describeInput(cfg *config.C) string {
	id, err := cfg.String("id", -1)
	if err != nil || id == "" {
		return "an input without an id"
	}
	return fmt.Sprintf("input %q", id)
}

func check(cfg *config.C, scope *Scope, where string) error {
	checker := checker{scope: scope, names: scope.Names(), where: where}
	checker.walk(cfg, "")
	return Join(checker.problems...)
}

type checker struct {
	scope    *Scope
	names    []string
	where    string
	problems []error
}

// walk visits the settings below cfg, which stands at prefix ("" or a path with
// its dot).
func (c *checker) walk(cfg *config.C, prefix string) {
	fields := cfg.GetFields()
	slices.Sort(fields)
	for _, field := range fields {
		path := prefix + field
		if c.known(path) {
			continue
		}
		child, err := cfg.Child(field, -1)
		nested := err == nil && child.IsDict()
		switch {
		case !c.leadsOn(path):
			c.report(cfg, field, path)
		case nested:
			c.walk(child, path+".")
		case err != nil && !errors.Is(err, ucfg.ErrMissing), err == nil && child.IsArray():
			c.problems = append(c.problems, fmt.Errorf("%s in %s has a value of its own: below it there are %s",
				path, c.where, strings.Join(c.siblings(path+"."), ", ")))
		default:
			// Nothing stands below, or a variable that is missing: the one who reads
			// the value says so better.
		}
	}
}

// known reports whether path is a setting, or accepted unseen.
func (c *checker) known(path string) bool {
	return slices.Contains(c.names, path) || slices.Contains(c.scope.Accepted, path)
}

// leadsOn reports whether there are known settings below path.
func (c *checker) leadsOn(path string) bool {
	below := func(name string) bool { return strings.HasPrefix(name, path+".") }
	return slices.ContainsFunc(c.names, below) || slices.ContainsFunc(c.scope.Accepted, below)
}

// report adds a problem for each setting at or below an unknown path. Naming
// each in full finds the right suggestion when only a part on the way is
// misspelt.
func (c *checker) report(parent *config.C, field, path string) {
	if child, err := parent.Child(field, -1); err == nil && child.IsDict() {
		below := child.GetFields()
		slices.Sort(below)
		for _, name := range below {
			c.report(child, name, path+"."+name)
		}
		if len(below) > 0 {
			return
		}
	}
	c.problems = append(c.problems, c.problem(path))
}

func (c *checker) problem(path string) error {
	parent := c.parent(path)
	if meant := nearest(path, parent, c.names); meant != "" {
		return fmt.Errorf("unknown setting %q in %s: did you mean %q?", path, c.where, meant)
	}
	if parent != "" {
		return fmt.Errorf("unknown setting %q in %s: below %s there are %s",
			path, c.where, strings.TrimSuffix(parent, "."), strings.Join(c.siblings(parent), ", "))
	}
	return fmt.Errorf("unknown setting %q in %s: docs/configuration.md and threatqbeat.reference.yml list the settings", path, c.where)
}

// parent returns the longest part of path that leads to known settings, with its
// dot, or "".
func (c *checker) parent(path string) string {
	for at := strings.LastIndex(path, "."); at > 0; at = strings.LastIndex(path[:at], ".") {
		if c.leadsOn(path[:at]) {
			return path[:at+1]
		}
	}
	return ""
}

// siblings returns the names of the settings below prefix, without it.
func (c *checker) siblings(prefix string) []string {
	var siblings []string
	for _, name := range c.names {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			siblings = append(siblings, rest)
		}
	}
	return siblings
}
