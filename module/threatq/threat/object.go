// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/elastic-agent-libs/mapstr"
	structform "github.com/elastic/go-structform"
	"github.com/elastic/go-structform/gotype"
)

// member is a field of an object.
type member struct {
	name  string
	value any
}

// object is an object of a direct event: its fields, in the order in which they were
// put. It takes a fraction of a map's memory and time, and passes itself to Libbeat's
// encoders. Its values are of the types that Fold knows.
type object []member

var _ gotype.Folder = object{}

// Fold passes the object to an encoder, as a map of the same fields would be.
func (o object) Fold(v structform.ExtVisitor) error {
	if err := v.OnObjectStart(len(o), structform.AnyType); err != nil {
		return err
	}
	for i := range o {
		if err := v.OnKey(o[i].name); err != nil {
			return err
		}
		if err := foldValue(v, o[i].value); err != nil {
			return err
		}
	}
	return v.OnObjectFinished()
}

// Field returns the value of a field, nil for one that isn't there.
func (o object) Field(name string) any {
	for i := range o {
		if o[i].name == name {
			return o[i].value
		}
	}
	return nil
}

func foldValue(v structform.ExtVisitor, value any) error {
	switch value := value.(type) {
	case string:
		return v.OnString(value)
	case []string:
		return v.OnStringArray(value)
	case date:
		text := value.text()
		return v.OnStringRef(text[:])
	case int64:
		return v.OnInt64(value)
	case int:
		return v.OnInt(value)
	case gotype.Folder:
		return value.Fold(v)
	}
	return fmt.Errorf("an event has a value of the type %T, which can't be encoded", value)
}

// fields returns the object as Libbeat's processors expect it.
func (o object) fields() mapstr.M {
	fields := make(mapstr.M, len(o))
	for _, m := range o {
		fields[m.name] = asField(m.value)
	}
	return fields
}

// MarshalJSON writes the object as a log shows it.
func (o object) MarshalJSON() ([]byte, error) { return json.Marshal(o.fields()) }

// asField returns a value as Libbeat's processors expect it.
func asField(value any) any {
	switch value := value.(type) {
	case object:
		return value.fields()
	case date:
		return common.Time(value.time())
	}
	return value
}

// objects makes the objects of an event from the inside out: what is put after begin is
// in the object that the matching end returns.
type objects struct {
	direct bool // make objects, not maps
	stack  []member
}

func (b *objects) begin() int { return len(b.stack) }

// put adds a field to the object that was begun last.
func (b *objects) put(name string, value any) {
	if !b.direct {
		value = asField(value)
	}
	b.stack = append(b.stack, member{name, value})
}

// putDate adds a field with a date, where there is one.
func (b *objects) putDate(name string, d date) {
	if d != 0 {
		b.put(name, b.date(d))
	}
}

func (b *objects) date(d date) any {
	if b.direct {
		return d
	}
	return common.Time(d.time())
}

// end ends the object that began at start.
func (b *objects) end(start int) any {
	members := object(b.stack[start:])
	b.stack = b.stack[:start]
	if b.direct {
		return append(make(object, 0, len(members)), members...)
	}
	return members.fields()
}

// nest returns an object of one field, at a path such as subject.common_name.
func (b *objects) nest(path string, value any) any {
	start := b.begin()
	name, rest, deeper := strings.Cut(path, ".")
	if deeper {
		value = b.nest(rest, value)
	}
	b.put(name, value)
	return b.end(start)
}
