// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/go-ucfg"
)

// scopeBelow returns the settings above the inputs whose names begin with prefix,
// without it.
func scopeBelow(prefix string) *Scope {
	scope := &Scope{Refused: map[string]string{}}
	for _, option := range BeatSettings().All() {
		if name, ok := strings.CutPrefix(option.Name, prefix); ok {
			option.Name = name
			scope.Sections = append(scope.Sections, Section{Options: []Option{option}})
		}
	}
	for name, instead := range BeatSettings().Refused {
		if name, ok := strings.CutPrefix(name, prefix); ok {
			scope.Refused[name] = instead
		}
	}
	return scope
}

// withDefaults returns cfg with the defaults of what it doesn't say. A list in cfg
// replaces the default.
func withDefaults(cfg *config.C, scope *Scope) (*config.C, error) {
	defaults := map[string]any{}
	for _, section := range scope.Sections {
		for _, option := range section.Options {
			if option.Default == nil || section.Include != "" {
				continue
			}
			if set, err := cfg.Has(option.Name, -1); option.Type == TypeList && (set || err != nil) {
				continue
			}
			defaults[option.Name] = option.Default
		}
	}
	merged, err := config.NewConfigFrom(defaults)
	if err == nil {
		err = merged.Merge(cfg)
	}
	if err == nil {
		err = takeTexts(merged, scope)
	}
	if err != nil {
		return nil, fmt.Errorf("adding the defaults of what is not set: %w", err)
	}
	return merged, nil
}

// readSection reads the settings of a section of threatqbeat.yml, which is given
// without its key, over their defaults.
func readSection(section *config.C, key string, into any) error {
	scope := scopeBelow(key + ".")
	merged, err := withDefaults(section, scope)
	if err != nil {
		return err
	}
	if err := merged.Unpack(into); err != nil {
		return explain(merged, err, key+".", BeatSettings())
	}
	return nil
}

// variables looks up a variable whose value must reach a text as it is.
var variables = func(name string) (value string, ok bool) { return "", false }

// UseVariables has texts that are a variable, such as ${NAME}, take what lookup
// returns, as it is. Where lookup returns nothing, they take what the configuration
// makes of the variable. It is for the start of the process.
func UseVariables(lookup func(name string) (value string, ok bool)) { variables = lookup }

// TakeTexts has the texts among Libbeat's settings take their variables as they are,
// as those of inputs do.
func TakeTexts(root *config.C) error {
	if err := takeTexts(root, LibbeatSettings()); err != nil {
		return fmt.Errorf("setting texts to their variables: %w", err)
	}
	return nil
}

// lone matches a value that is one variable and nothing else, with a default or without.
var lone = regexp.MustCompile(`^\$\{([^:{}]+)(?::[^{}]*)?\}$`)

// takeTexts replaces the texts that are variables by their values.
func takeTexts(cfg *config.C, scope *Scope) error {
	for _, option := range scope.All() {
		if option.Type != TypeString && option.Type != TypeURL {
			continue
		}
		text, err := (*ucfg.Config)(cfg).String(option.Name, -1, ucfg.PathSep("."), ucfg.ResolveNOOP)
		if match := lone.FindStringSubmatch(text); err == nil && match != nil {
			if value, ok := variables(match[1]); ok {
				if err := cfg.SetString(option.Name, -1, value); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
