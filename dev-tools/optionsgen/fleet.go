// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/threatqbeat/threatqbeat/config"
)

// fleetVariable is a variable of the Fleet package, in the order of its manifest.
type fleetVariable struct {
	Name        string   `yaml:"name"`
	Type        string   `yaml:"type"`
	Title       string   `yaml:"title"`
	Description string   `yaml:"description"`
	Schemes     []string `yaml:"url_allowed_schemes,omitempty,flow"`
	Multi       bool     `yaml:"multi,omitempty"`
	Default     any      `yaml:"default,omitempty"`
	Required    bool     `yaml:"required"`
	Secret      *bool    `yaml:"secret,omitempty"`
	ShowUser    bool     `yaml:"show_user"`

	Setting string `yaml:"-"`
}

// fleetTypes are the types of variables by those of settings.
var fleetTypes = map[config.Type]string{
	config.TypeBool: "bool", config.TypeInt: "integer", config.TypeURL: "url",
	config.TypeObject: "yaml", config.TypeProcessors: "yaml",
}

// fleetVariablesOf returns the variables of the settings whose definitions name one.
func fleetVariablesOf(scope *config.Scope) []fleetVariable {
	var all []fleetVariable
	for _, section := range scope.Sections {
		if f := section.Fleet; f != nil {
			all = append(all, newFleetVariable(config.Option{Name: strings.TrimSuffix(section.Prefix, "."), Type: config.TypeObject, Fleet: f}))
		}
		for _, option := range section.Options {
			if option.Fleet != nil {
				all = append(all, newFleetVariable(option))
			}
		}
	}
	return all
}

func newFleetVariable(option config.Option) fleetVariable {
	f := option.Fleet
	v := fleetVariable{
		Name: f.Name, Type: fleetTypes[option.Type], Title: f.Title, Default: f.Default,
		Description: oneLine(plain(f.Description)),
		Multi:       option.Type == config.TypeList, Required: option.Required || f.Required, ShowUser: f.Show,
		Setting: option.Name,
	}
	if v.Name == "" {
		v.Name = strings.ReplaceAll(option.Name, ".", "_")
	}
	if v.Description == "" {
		v.Description = oneLine(plain(option.Description))
	}
	secret := option.Secret() && !option.Free()
	switch {
	case v.Type == "url":
		v.Schemes = []string{"https", "http"}
		if secret {
			v.Schemes = append(v.Schemes, "socks5")
		}
	case v.Type == "" && secret:
		v.Type = "password"
	case v.Type == "":
		v.Type = "text"
	}
	if secret || v.Type == "url" {
		v.Secret = &secret
	}
	if text := fmt.Sprint(option.Default); v.Default == nil && option.Default != nil && !strings.ContainsAny(text[:1], "*&") {
		v.Default = option.Default
		if v.Type == "text" && !v.Multi {
			v.Default = text
		}
	}
	return v
}

// fleetManifest renders the variables as the manifest of the Fleet package has them.
func fleetManifest(scope *config.Scope) string {
	return indentLines(strings.TrimRight(toYAML(fleetVariablesOf(scope)), "\n"), 6, "") + "\n"
}
