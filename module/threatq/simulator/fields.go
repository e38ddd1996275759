// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"maps"
	"strings"
)

// fields are the keys of an indicator that are asked for, and the members of its lists and objects as attributes.name.
// An asterisk among them stands for keys that the documentation doesn't name.
type fields map[string]bool

// knownFields are all fields that the appliance has.
var knownFields = fieldSet(`
	adversaries adversaries.id adversaries.name
	attributes attributes.attribute_id attributes.created_at attributes.id attributes.indicator_id attributes.name
	attributes.touched_at attributes.updated_at attributes.value
	class created_at description expired_at expires_at expires_calculated_at hash id indicator_id published_at score
	sources sources.created_at sources.creator_source_id sources.id sources.indicator_id sources.indicator_status_id
	sources.indicator_type_id sources.name sources.published_at sources.reference_id sources.source_expire_days
	sources.source_id sources.source_score sources.source_type sources.tlp_id sources.tlp_name sources.updated_at
	status status.description status.id status.name status_id tags tags.id tags.name touched_at
	type type.class type.id type.name type_id updated_at value`)

var allFields = parseFields("*,attributes,sources")

func fieldSet(names string) fields {
	f := fields{}
	for _, name := range strings.Fields(names) {
		f[name] = true
	}
	return f
}

// parseFields reads the fields parameter: a list of keys, an asterisk for all but attributes and sources, and members of
// lists and objects such as attributes.name, which leave out the other members. What the appliance doesn't know is
// ignored. No list at all is the same as an asterisk.
func parseFields(param string) fields {
	if strings.TrimSpace(param) == "" {
		param = "*"
	}
	asked, partly := fields{}, fields{}
	for name := range strings.SplitSeq(param, ",") {
		name = strings.TrimSpace(name)
		parent, _, nested := strings.Cut(name, ".")
		switch {
		case name == "*":
			asked["*"] = true
			for known := range knownFields {
				if !strings.Contains(known, ".") && known != "attributes" && known != "sources" {
					asked[known] = true
				}
			}
		case nested && knownFields[name]:
			asked[parent], asked[name], partly[parent] = true, true, true
		case knownFields[name]:
			asked[name] = true
		}
	}
	for known := range knownFields {
		if parent, _, nested := strings.Cut(known, "."); nested && asked[parent] && !partly[parent] {
			asked[known] = true
		}
	}
	return asked
}

// has reports whether the key of an indicator is asked for, also one that the appliance doesn't know.
func (f fields) has(key string) bool { return f[key] || f["*"] && !knownFields[key] }

func (f fields) without(key string) fields {
	f = maps.Clone(f)
	delete(f, key)
	return f
}
