// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"

	"github.com/elastic/elastic-agent-libs/config"
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
