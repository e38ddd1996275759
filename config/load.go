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
var InputSettings = sync.OnceValue(func() *Scope { return must(readScope("input.yml", inputYAML)) })

// BeatSettings returns the settings above the inputs, by their full names:
// threatqbeat.* and those under setup that are threatqbeat's own. The caller
// must not change the result.
var BeatSettings = sync.OnceValue(func() *Scope { return must(readScope("beat.yml", beatYAML)) })

// sslOptions returns the TLS settings, by their names below ssl.
var sslOptions = sync.OnceValue(func() []Option {
	return must(decode[[]Option]("ssl.yml", sslYAML))
})

// must panics on an error about the definitions or the defaults: they are part of the
// binary and every test of this package reads them.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// readScope reads a scope.
func readScope(name string, text []byte) (*Scope, error) {
	scope, err := decode[Scope](name, text)
	if err != nil {
		return nil, err
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

// decode reads definitions from YAML, refusing keys that it does not know.
func decode[T any](name string, text []byte) (definitions T, err error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&definitions); err != nil {
		return definitions, fmt.Errorf("reading the definitions in %s: %w", name, err)
	}
	return definitions, nil
}
