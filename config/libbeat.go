// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"embed"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
)

// LibbeatSection is a section of settings that are Libbeat's, not threatqbeat's.
// They are defined in libbeat/.
type LibbeatSection struct {
	Section `yaml:",inline"`
	// Key is the setting that the others are nested below, such as
	// output.kafka. Without it they stand at the top, by their full names.
	Key string `yaml:"key"`
	// Active shows Key without the comment sign.
	Active bool `yaml:"active"`
	// Accepted are names of settings that Libbeat has and that are not documented
	// here. Anything may stand below them.
	Accepted []string `yaml:"accepted"`
	// SSL is the prefix of the section's TLS settings, if it has any.
	SSL string `yaml:"ssl"`
}

// fullName returns the full name of one of the section's settings.
func (s LibbeatSection) fullName(name string) string {
	if s.Key == "" {
		return name
	}
	return s.Key + "." + name
}

// FullNames returns the section's settings by their full names.
func (s LibbeatSection) FullNames() []Option {
	options := slices.Clone(s.Options)
	for i := range options {
		options[i].Name = s.fullName(options[i].Name)
	}
	return options
}

//go:embed libbeat/*.yml
var libbeatFiles embed.FS

// LibbeatSections returns the sections of Libbeat's settings by the names of their
// files in libbeat/, such as "kafka". The caller must not change the result.
var LibbeatSections = sync.OnceValue(func() map[string][]LibbeatSection {
	all := map[string][]LibbeatSection{}
	for _, file := range must(libbeatFiles.ReadDir("libbeat")) {
		text := must(libbeatFiles.ReadFile(path.Join("libbeat", file.Name())))
		all[strings.TrimSuffix(file.Name(), ".yml")] = must(decode[[]LibbeatSection](file.Name(), text))
	}
	return all
})

// LibbeatSettings returns all settings that are Libbeat's, by their full names.
// The caller must not change the result.
var LibbeatSettings = sync.OnceValue(func() *Scope {
	scope := &Scope{}
	for _, file := range slices.Sorted(maps.Keys(LibbeatSections())) {
		for _, section := range LibbeatSections()[file] {
			full := Section{Title: section.Title}
			for _, option := range section.FullNames() {
				// Libbeat takes more spellings than are documented.
				option.Harmless = option.Harmless || len(option.Values) > 0
				option.Values = nil
				full.Options = append(full.Options, option)
			}
			for _, name := range section.Accepted {
				scope.Accepted = append(scope.Accepted, section.fullName(name))
			}
			if section.SSL != "" {
				for _, option := range sslOptions() {
					option.Name = section.Key + "." + section.SSL + option.Name
					full.Options = append(full.Options, option)
				}
			}
			scope.Sections = append(scope.Sections, full)
		}
	}
	return scope
})
