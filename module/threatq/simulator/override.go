// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Fields are top-level keys of an indicator and the values that Put gives them: anything that encoding/json can
// write. A time.Time is written as the appliance writes dates. "status" and "type" also take a name, which sets
// status_id, type_id and class as well. Absent leaves a key out.
type Fields map[string]any

type absent struct{}

// Absent, as a value in Fields, leaves the key out.
var Absent any = absent{}

// dateLayout is how the appliance writes dates, in UTC.
const dateLayout = "2006-01-02 15:04:05"

// override replaces keys of a computed indicator, or all of it.
type override struct {
	fields map[string]json.RawMessage // a nil value leaves the key out
	raw    []byte
}

// with returns an override with more fields.
func (o *override) with(fields map[string]json.RawMessage) *override {
	merged := &override{fields: make(map[string]json.RawMessage)}
	if o != nil {
		maps.Copy(merged.fields, o.fields)
	}
	maps.Copy(merged.fields, fields)
	return merged
}

// encode turns the fields into JSON.
func (f Fields) encode() (map[string]json.RawMessage, error) {
	raw := make(map[string]json.RawMessage, len(f))
	for name, value := range f {
		switch v := value.(type) {
		case absent:
			raw[name] = nil
			continue
		case time.Time:
			value = v.UTC().Format(dateLayout)
		case string:
			if name == "status" {
				s := statusByName(v)
				if s == nil {
					return nil, fmt.Errorf("status %q is unknown, it must be one of %q", v, Statuses())
				}
				value = map[string]any{"id": s.id, "name": s.name, "description": s.description}
				setDefault(raw, f, "status_id", s.id)
			}
			if name == "type" {
				t := typeByName(v)
				if t == nil {
					return nil, fmt.Errorf("type %q is unknown, it must be one of %q", v, Types())
				}
				value = map[string]any{"id": t.id, "name": t.name, "class": t.class}
				setDefault(raw, f, "type_id", t.id)
				setDefault(raw, f, "class", t.class)
			}
		}
		b, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("encoding the value of %q: %w", name, err)
		}
		raw[name] = b
	}
	return raw, nil
}

func setDefault(raw map[string]json.RawMessage, f Fields, name string, value any) {
	if _, given := f[name]; !given {
		raw[name], _ = json.Marshal(value) // numbers and plain strings only
	}
}

// member is an entry of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// members returns the entries of a JSON object in their order.
func members(object []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("no JSON object")
	}
	var list []member
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		list = append(list, member{name.(string), value}) // only strings are keys
	}
	_, err := d.Token()
	return list, err
}

// append writes the overridden indicator with the keys of set to b. What is no JSON object is written as it is.
func (o *override) append(b []byte, m *model, set keys) []byte {
	object := o.raw
	if object == nil {
		m.broken = notBroken
		object = m.append(nil, allKeys)
	}
	list, err := members(object)
	if err != nil {
		return append(b, object...)
	}
	if o.raw != nil && set == allKeys {
		return append(b, object...)
	}
	list = o.apply(list)
	b = append(b, '{')
	some := false
	for _, e := range list {
		if !set.has(e.name) {
			continue
		}
		if some {
			b = append(b, ',')
		}
		some = true
		b = appendQuoted(b, e.name)
		b = append(b, ':')
		b = append(b, e.value...)
	}
	return append(b, '}')
}

func (o *override) apply(list []member) []member {
	list = slices.DeleteFunc(list, func(e member) bool {
		value, overridden := o.fields[e.name]
		return overridden && value == nil
	})
	done := make(map[string]bool)
	for i, e := range list {
		if value := o.fields[e.name]; value != nil {
			list[i].value = value
		}
		done[e.name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(o.fields)) {
		if value := o.fields[name]; value != nil && !done[name] {
			list = append(list, member{name, value})
		}
	}
	return list
}
