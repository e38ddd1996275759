// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	_ "embed"
	"fmt"
	"sync"

	"go.yaml.in/yaml/v3"
)

var (
	//go:embed input.yml
	inputYAML []byte
	//go:embed beat.yml
	beatYAML []byte
	//go:embed ssl.yml
	sslYAML []byte
)

// InputSettings returns the settings of one threatq input, by the names they have
// within the input. The caller must not change the result.
var InputSettings = sync.OnceValue(func() *Scope { return mustParse("input.yml", inputYAML) })

// BeatSettings returns the settings above the inputs, by their full names:
// threatqbeat.* and those under setup that are threatqbeat's own. The caller
// must not change the result.
var BeatSettings = sync.OnceValue(func() *Scope { return mustParse("beat.yml", beatYAML) })

// sslOptions returns the TLS settings, by their names below ssl.
var sslOptions = sync.OnceValue(func() []Option {
	var options []Option
	if err := decode(sslYAML, &options); err != nil {
		panic(fmt.Sprintf("ssl.yml: %s", err))
	}
	return options
})

// mustParse panics on a definition that does not parse: it is part of the
// binary and every test of this package reads it.
func mustParse(name string, text []byte) *Scope {
	scope, err := Parse(text)
	if err != nil {
		panic(fmt.Sprintf("%s: %s", name, err))
	}
	return scope
}

// Parse reads a scope from YAML, refusing keys that it does not know.
func Parse(text []byte) (*Scope, error) {
	var scope Scope
	if err := decode(text, &scope); err != nil {
		return nil, fmt.Errorf("reading option definitions: %w", err)
	}
	for i := range scope.Sections {
		section := &scope.Sections[i]
		switch section.Include {
		case "":
		case "ssl":
			section.Options = append(section.Options, sslOptions()...)
		default:
			return nil, fmt.Errorf("section %q includes %q: only ssl can be included", section.Title, section.Include)
		}
		for j := range section.Options {
			option := &section.Options[j]
			option.Name = section.Prefix + option.Name
			if option.Since == "" {
				option.Since = scope.Since
			}
		}
	}
	return &scope, nil
}

func decode(text []byte, to any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	return decoder.Decode(to)
}
