// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"slices"
	"strings"
)

// fields are the keys of an indicator that are asked for.
type fields struct {
	keys    []key
	unknown bool // also keys that the documentation doesn't name
}

var allFields = parseFields("*,attributes,sources")

// parseFields reads the fields parameter: a list of keys, an asterisk for all but attributes and sources, and members of
// lists and objects such as attributes.name, which leave out the other members. What the appliance doesn't know is
// ignored. No list at all is the same as an asterisk.
func parseFields(param string) (asked fields) {
	if strings.TrimSpace(param) == "" {
		param = "*"
	}
	names := strings.FieldsFunc(param, func(c rune) bool { return c == ',' || c == ' ' })
	asked.unknown = slices.Contains(names, "*")
	for _, k := range indicatorKeys {
		isAsked := slices.Contains(names, k.name) || asked.unknown && k.name != "attributes" && k.name != "sources"
		members := slices.DeleteFunc(slices.Clone(k.below), func(member key) bool {
			return !slices.Contains(names, k.name+"."+member.name)
		})
		if len(members) > 0 {
			k.below, isAsked = members, true
		}
		if isAsked {
			asked.keys = append(asked.keys, k)
		}
	}
	return asked
}

// has reports whether the key of an indicator is asked for, also one that the appliance doesn't know.
func (f fields) has(name string) bool {
	is := func(k key) bool { return k.name == name }
	return slices.ContainsFunc(f.keys, is) || f.unknown && !slices.ContainsFunc(indicatorKeys, is)
}

func (f fields) without(name string) fields {
	f.keys = slices.DeleteFunc(slices.Clone(f.keys), func(k key) bool { return k.name == name })
	return f
}
