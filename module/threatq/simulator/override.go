// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

// Fields are top-level keys of an indicator and the values that Put gives them: anything that encoding/json can
// write. A time.Time is written as the appliance writes dates. "status" and "type" also take a name, which sets
// status_id, type_id and class as well.
type Fields map[string]any

// override replaces keys of a computed indicator, or all of it.
type override struct {
	fields map[string]json.RawMessage
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
	values := maps.Clone(f)
	implied := func(name string, value any) {
		if _, given := f[name]; !given {
			values[name] = value
		}
	}
	for name, value := range f {
		switch v := value.(type) {
		case time.Time:
			values[name] = v.UTC().Format(time.DateTime)
		case string:
			if name == "status" {
				s := statusByName(v)
				if s == nil {
					return nil, fmt.Errorf("status %q is unknown, it must be one of %q", v, Statuses())
				}
				values[name] = map[string]any{"id": s.ID, "name": s.Name, "description": s.Description}
				implied("status_id", s.ID)
			}
			if name == "type" {
				t := typeByName(v)
				if t == nil {
					return nil, fmt.Errorf("type %q is unknown, it must be one of %q", v, Types())
				}
				values[name] = map[string]any{"id": t.ID, "name": t.Name, "class": t.Class}
				implied("type_id", t.ID)
				implied("class", t.Class)
			}
		}
	}
	encoded := make(map[string]json.RawMessage, len(values))
	for name, value := range values {
		b, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("encoding the value of %q: %w", name, err)
		}
		encoded[name] = b
	}
	return encoded, nil
}

// append writes the overridden indicator with the fields that are asked for.
func (o *override) append(b []byte, m *model, asked fields) []byte {
	if o.raw != nil {
		return append(b, o.raw...)
	}
	m.broken = 0
	var object map[string]json.RawMessage
	if err := json.Unmarshal(m.append(nil, allFields), &object); err != nil { // the simulator wrote it
		panic(err)
	}
	maps.Copy(object, o.fields)
	maps.DeleteFunc(object, func(name string, _ json.RawMessage) bool { return !asked.has(name) })
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(object); err != nil { // valid JSON, as read and encoded above
		panic(err)
	}
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}
