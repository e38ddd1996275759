// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/go-ucfg"
)

// checker compares a configuration with the definitions of its settings.
type checker struct {
	scope *Scope
	names []string
	// where continues a message on an unknown setting, as in ` in input "a"`.
	where string
	// unresolved are the settings whose variables can't be resolved, which may be
	// no error as long as nobody reads them.
	unresolved []error
	unknown    []error
	wrong      []error
	scalars    []error // of these, values where a section belongs
}

func newChecker(scope *Scope, where string) *checker {
	return &checker{scope: scope, names: scope.Names(), where: where}
}

// walk visits the settings below cfg, which stands at prefix ("" or a path with
// its dot).
func (c *checker) walk(cfg *config.C, prefix string) {
	fields := cfg.GetFields()
	slices.Sort(fields)
	for _, field := range fields {
		path := prefix + field
		if instead, ok := c.scope.Refused[path]; ok {
			c.wrong = append(c.wrong, wrongf(path, "can't be set: %s", instead))
			continue
		}
		if option, ok := c.scope.Lookup(path); ok {
			c.value(cfg, field, option)
			continue
		}
		if slices.Contains(c.scope.Accepted, path) {
			continue
		}
		child, err := cfg.Child(field, -1)
		nested := err == nil && child.IsDict()
		switch {
		case !c.leadsOn(path):
			c.report(cfg, field, path)
		case nested:
			c.walk(child, path+".")
		case err != nil && !isMissing(err), err == nil && child.IsArray():
			err := wrongf(path, "has a value of its own: below it there are %s", strings.Join(c.siblings(path+"."), ", "))
			c.wrong, c.scalars = append(c.wrong, err), append(c.scalars, err)
		case err != nil:
			c.unresolved = append(c.unresolved, unresolved(cfg, field, path))
		}
	}
}

// value looks at the value of a known setting.
func (c *checker) value(cfg *config.C, field string, option Option) {
	if option.Free() || option.Type == TypeList {
		return
	}
	if n, err := cfg.CountField(field); err == nil && n == 0 {
		return // nothing is set
	}
	text, err := cfg.String(field, -1)
	switch {
	case isMissing(err):
		c.unresolved = append(c.unresolved, unresolved(cfg, field, option.Name))
	case err != nil:
		c.wrong = append(c.wrong, wrongf(option.Name, "can't be read: it must be %s", option.expectation()))
	case option.Required && strings.TrimSpace(text) == "":
		// It is missing.
	default:
		if err := option.check(text); err != nil {
			c.wrong = append(c.wrong, wrongf(option.Name, "%w", err))
		}
	}
}

// require refuses that a required setting is missing or empty.
func (c *checker) require(cfg *config.C) {
	for _, option := range c.scope.All() {
		if !option.Required {
			continue
		}
		has, err := cfg.Has(option.Name, -1)
		if text, textErr := cfg.String(option.Name, -1); err == nil && (!has || textErr == nil && strings.TrimSpace(text) == "") {
			c.wrong = append(c.wrong, wrongf(option.Name, "is missing: it must be %s", option.expectation()))
		}
	}
}

// settingError is an error about the setting at a path.
type settingError struct {
	error
	path string
}

func (e settingError) Unwrap() error { return e.error }

func wrongf(path, format string, args ...any) error {
	return settingError{fmt.Errorf(path+" "+format, args...), path}
}

// reference is a variable that a setting refers to, with its default.
var reference = regexp.MustCompile(`\$\{([^}:]+)[^}]*\}`)

// unresolved names the variables that the setting at path, field in cfg, refers to.
func unresolved(cfg *config.C, field, path string) error {
	what := "a variable"
	// The references are shown, and nothing of the text around them.
	text, err := (*ucfg.Config)(cfg).String(field, -1, ucfg.PathSep("."), ucfg.VarExp, ucfg.ResolveNOOP)
	if err == nil {
		var names []string
		for _, match := range reference.FindAllStringSubmatch(text, -1) {
			names = append(names, "${"+match[1]+"}")
		}
		if len(names) > 0 {
			what = strings.Join(names, " or ")
		}
	}
	return wrongf(path, "refers to %s, which is neither in the keystore nor in the environment: set it, or add it with the command keystore add", what)
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
	c.unknown = append(c.unknown, settingError{c.problem(path), path})
}

func (c *checker) problem(path string) error {
	parent := c.parent(path)
	if meant := nearest(path, parent, c.names); meant != "" {
		return fmt.Errorf("unknown setting %q%s: did you mean %q?", path, c.where, meant)
	}
	if parent != "" {
		return fmt.Errorf("unknown setting %q%s: below %s there are %s",
			path, c.where, strings.TrimSuffix(parent, "."), strings.Join(c.siblings(parent), ", "))
	}
	return fmt.Errorf("unknown setting %q%s: docs/configuration.md and threatqbeat.reference.yml list the settings", path, c.where)
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
