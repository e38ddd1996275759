// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package options

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// LibbeatSection is a section of settings that are Libbeat's, not threatqbeat's.
// They are defined in _meta/libbeat and not part of the binary: Libbeat itself
// says what it makes of them.
type LibbeatSection struct {
	Section `yaml:",inline"`
	// Key is the setting that the others are nested below, such as
	// output.kafka. Without it they stand at the top, by their full names.
	Key string `yaml:"key"`
	// Active shows Key without the comment sign.
	Active bool `yaml:"active"`
	// SSL is the prefix of the section's TLS settings, if it has any.
	SSL string `yaml:"ssl"`
}

// FullName returns the full name of one of the section's settings.
func (s LibbeatSection) FullName(option Option) string {
	if s.Key == "" {
		return option.Name
	}
	return s.Key + "." + option.Name
}

// LoadLibbeat reads the definitions of _meta/libbeat/<file>.yml below root, the
// repository's directory.
func LoadLibbeat(root, file string) ([]LibbeatSection, error) {
	path := filepath.Join(root, "_meta", "libbeat", file+".yml")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading option definitions: %w", err)
	}
	var sections []LibbeatSection
	if err := decode(text, &sections); err != nil {
		return nil, fmt.Errorf("reading option definitions of %s: %w", path, err)
	}
	return sections, nil
}

// LibbeatNames returns the full names of all settings defined in _meta/libbeat.
// A name that ends in a dot stands for everything below it.
func LibbeatNames(root string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(root, "_meta", "libbeat", "*.yml"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, file := range files {
		sections, err := LoadLibbeat(root, strings.TrimSuffix(filepath.Base(file), ".yml"))
		if err != nil {
			return nil, err
		}
		for _, section := range sections {
			for _, option := range section.Options {
				name := section.FullName(option)
				if option.Free() {
					names = append(names, name+".")
				}
				names = append(names, name)
			}
			if section.SSL == "" {
				continue
			}
			for _, option := range Input().All() {
				if name, ok := strings.CutPrefix(option.Name, inputSSL); ok {
					names = append(names, section.Key+"."+section.SSL+name)
				}
			}
		}
	}
	return names, nil
}

// inputSSL is the prefix of the input's TLS settings, which are those of every
// Libbeat section.
const inputSSL = "request.ssl."
