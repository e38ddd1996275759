// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strings"
)

// Type says what a setting's value looks like.
type Type string

// The types of values.
const (
	TypeString     Type = "string"
	TypeURL        Type = "url"
	TypeBool       Type = "bool"
	TypeInt        Type = "int"
	TypeFloat      Type = "float"
	TypeDuration   Type = "duration"   // as Go writes it: 30s, 1m30s, 2h
	TypeLifetime   Type = "lifetime"   // a whole number of days, hours or minutes: 90d, 12h, 30m
	TypeBytes      Type = "bytes"      // a number of bytes, or one with a unit: 256MiB
	TypeShare      Type = "share"      // a share of something, or a number: 20%, 500
	TypeFileMode   Type = "file mode"  // octal: 0600
	TypeList       Type = "list"       // of strings
	TypeObject     Type = "object"     // anything below it is allowed
	TypeProcessors Type = "processors" // a list of Beats processors
	TypeInputs     Type = "inputs"     // a list of inputs
)

// Option is one setting.
type Option struct {
	// Name is the dotted path of the setting within its scope: an input, or the
	// whole file.
	Name string `yaml:"name"`
	// Type says what its value looks like.
	Type Type `yaml:"type"`
	// Default is the value that holds when nothing is set; nil means that the
	// setting is unset.
	Default any `yaml:"default"`
	// DefaultText replaces Default in the documentation, for a default that
	// depends on something else.
	DefaultText string `yaml:"default_text"`
	// Example is shown in the sample configuration where there is no default.
	Example any `yaml:"example"`
	// Unit is the unit of a plain number, such as "indicators".
	Unit string `yaml:"unit"`
	// Min and Max bound the value, both included, written as the value is; empty
	// means no bound.
	Min string `yaml:"min"`
	Max string `yaml:"max"`
	// Values lists the only values allowed.
	Values []string `yaml:"values"`
	// Required is true for a setting that has to be given.
	Required bool `yaml:"required"`
	// Harmless is true for a text that anybody may see. One that is not said to be
	// harmless counts as a secret; see Secret.
	Harmless bool `yaml:"harmless"`
	// Expected says in words what the value must be, where type and range don't.
	Expected string `yaml:"expected"`
	// Description says what the setting does, in one or more sentences of
	// Markdown.
	Description string `yaml:"description"`
	// Active shows the setting in the sample configuration without the comment
	// sign, with Example as its value.
	Active bool `yaml:"active"`
	// Fleet is the variable of the Fleet package that sets it; nil for none.
	Fleet *FleetVariable `yaml:"fleet"`
	// Since is the first version that has the setting.
	Since string `yaml:"since"`
}

// FleetVariable is what a person is asked for in Fleet.
type FleetVariable struct {
	// Name of the variable, that of the setting with underscores by default.
	Name string `yaml:"name"`
	// Title heads the field.
	Title string `yaml:"title"`
	// Description explains it, as that of the setting by default.
	Description string `yaml:"description"`
	// Default is what the field holds at first, where it is not the setting's.
	Default any `yaml:"default"`
	// Show shows the field without a look at the advanced options.
	Show bool `yaml:"show"`
	// Required is true where the field may not be empty though the setting may.
	Required bool `yaml:"required"`
}

// Free reports whether anything may stand below the setting.
func (o Option) Free() bool {
	return slices.Contains([]Type{TypeObject, TypeProcessors, TypeInputs}, o.Type)
}

// Secret reports whether the value must not be shown: it is a text, or anything
// that texts stand in, and not said to be harmless.
func (o Option) Secret() bool {
	texts := o.Free() || slices.Contains([]Type{TypeString, TypeURL, TypeList}, o.Type)
	return texts && !o.Harmless && len(o.Values) == 0
}

// smallestDuration is the Min of a duration that must not be 0.
const smallestDuration = "1ns"

// RangeText says in words which values are allowed, or "".
func (o Option) RangeText() string {
	switch {
	case len(o.Values) > 0:
		return strings.Join(o.Values, ", ")
	case o.Min == smallestDuration && o.Max != "":
		return "above 0, up to " + o.Max
	case o.Min != "" && o.Max != "":
		return fmt.Sprintf("%s to %s", o.Min, o.Max)
	case o.Min != "":
		return o.Min + " or more"
	case o.Max != "":
		return "up to " + o.Max
	}
	return ""
}

// Section is a group of settings that are documented together.
type Section struct {
	// Title heads the section.
	Title string `yaml:"title"`
	// Text introduces it, in Markdown.
	Text string `yaml:"text"`
	// Prefix stands before each name of the section, as "ssl." does. The names
	// that Load returns include it.
	Prefix string `yaml:"prefix"`
	// Include adds shared definitions to the section: "ssl" those of ssl.yml.
	Include string `yaml:"include"`
	// Fleet is the variable of the Fleet package that sets the whole section.
	Fleet *FleetVariable `yaml:"fleet"`
	// Options are its settings, in the order in which they are shown.
	Options []Option `yaml:"options"`
}

// Scope is everything that may be set in one place.
type Scope struct {
	// Since is the version in which settings first appeared that name none.
	Since string `yaml:"since"`
	// Sections group the documented settings.
	Sections []Section `yaml:"sections"`
	// Accepted are names that are allowed and not documented here, because
	// somebody else sets them, such as Elastic Agent. Anything may stand below
	// them.
	Accepted []string `yaml:"accepted"`
	// Refused are names that other Beats know and that have no effect here, with
	// what to do instead.
	Refused map[string]string `yaml:"refused"`
}

// All returns the documented settings in order.
func (s *Scope) All() []Option {
	var all []Option
	for _, section := range s.Sections {
		all = append(all, section.Options...)
	}
	return all
}

// Names returns the names of the documented settings in order.
func (s *Scope) Names() []string {
	var names []string
	for _, option := range s.All() {
		names = append(names, option.Name)
	}
	return names
}

// Lookup returns the setting of that name.
func (s *Scope) Lookup(name string) (Option, bool) {
	for _, section := range s.Sections {
		for _, option := range section.Options {
			if option.Name == name {
				return option, true
			}
		}
	}
	return Option{}, false
}
