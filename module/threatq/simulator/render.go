// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// writer writes an indicator, or an object or a list within, as JSON.
type writer struct {
	b     []byte
	asked fields
	some  bool // something precedes in the object or list that is being written
}

// key starts the entry of a field, unless the field isn't asked for.
func (w *writer) key(field string) bool {
	if !w.asked[field] {
		return false
	}
	w.next()
	w.b = append(w.b, '"')
	w.b = append(w.b, field[strings.LastIndexByte(field, '.')+1:]...)
	w.b = append(w.b, '"', ':')
	return true
}

// next separates what follows from what precedes.
func (w *writer) next() {
	if w.some {
		w.b = append(w.b, ',')
	}
	w.some = true
}

func (w *writer) open(bracket byte) { w.b, w.some = append(w.b, bracket), false }

func (w *writer) close(bracket byte) { w.b, w.some = append(w.b, bracket), true }

// raw writes an entry whose value is JSON, unless that is empty.
func (w *writer) raw(field, value string) {
	if value != "" && w.key(field) {
		w.b = append(w.b, value...)
	}
}

func (w *writer) text(field, s string) {
	if w.key(field) {
		w.b = appendQuoted(w.b, s)
	}
}

func (w *writer) date(field string, d date) {
	if d.style != dateAbsent && w.key(field) {
		w.b = appendDate(w.b, d)
	}
}

func (w *writer) number(field string, n int64) { w.styled(field, n, plain) }

func (w *writer) styled(field string, n int64, s style) {
	switch {
	case s == absent || !w.key(field):
	case s == odd:
		w.b = fmt.Appendf(w.b, `"%d"`, n)
	case s == null:
		w.b = append(w.b, "null"...)
	default:
		w.b = strconv.AppendInt(w.b, n, 10)
	}
}

// list starts the entry of a list, and reports whether its elements and the closing bracket remain to be written.
func (w *writer) list(field string, s style) bool {
	switch {
	case s == absent || !w.key(field):
	case s == odd:
		w.b = append(w.b, "[]"...)
	case s == null:
		w.b = append(w.b, "null"...)
	default:
		w.open('[')
		return true
	}
	return false
}

// named writes an object with an id and a name.
func (w *writer) named(parent string, id int, name string) {
	w.number(parent+".id", int64(id))
	w.text(parent+".name", name)
	w.close('}')
}

var dateZone = time.FixedZone("", 2*hour)

func appendDate(b []byte, d date) []byte {
	t := time.Unix(d.sec, 0).UTC()
	if d.style == dateOffset {
		t = t.In(dateZone)
	}
	return t.AppendFormat(b, dateLayouts[d.style])
}

// jsonEscapes are what a JSON string can't hold as it is, and slashes, which PHP and so the appliance escapes as well.
var jsonEscapes = newJSONEscapes()

func newJSONEscapes() *strings.Replacer {
	escapes := []string{`"`, `\"`, `\`, `\\`, `/`, `\/`, "\n", `\n`, "\t", `\t`}
	for c := range rune(' ') {
		escapes = append(escapes, string(c), fmt.Sprintf(`\u%04x`, c))
	}
	return strings.NewReplacer(escapes...)
}

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	b = append(b, jsonEscapes.Replace(s)...)
	return append(b, '"')
}

// append writes the indicator with the fields that are asked for. Whether a field is asked for never changes what the
// others hold.
func (m *model) append(b []byte, asked fields) []byte {
	broken := breakages[m.broken]
	if broken.whole != "" {
		return append(b, strings.ReplaceAll(broken.whole, "ID", strconv.FormatInt(m.id, 10))...)
	}
	r := m.detail
	// One stream per list: leaving out one list doesn't change another.
	adversaries, attributes, sources, tags, other := rng(r.next()), rng(r.next()), rng(r.next()), rng(r.next()), rng(r.next())

	w := &writer{b: b, asked: asked}
	w.open('{')
	if w.list("adversaries", m.adversaries) {
		first := adversaries.intn(len(samples.Adversaries))
		for i := range 1 + adversaries.intn(2) {
			a := (first + i) % len(samples.Adversaries)
			w.next()
			w.open('{')
			w.named("adversaries", a+1, samples.Adversaries[a])
		}
		w.close(']')
	}
	if w.list("attributes", m.attributes) {
		m.appendAttributes(w, &attributes)
		w.close(']')
	}
	w.text("class", m.typ.Class)
	w.date("created_at", m.created)
	if m.hasDescription {
		w.text("description", pick(samples.Descriptions, &other))
	}
	w.date("expired_at", m.expired)
	w.date("expires_at", m.expires)
	w.date("expires_calculated_at", m.calculated)
	if w.key("hash") {
		w.b = fmt.Appendf(w.b, `"%016x%016x"`, other.next(), other.next())
	}
	if m.broken == 0 {
		w.styled("id", m.id, m.idStyle)
		w.styled("indicator_id", m.id, m.indicatorIDStyle)
	} else {
		w.raw("id", broken.id)
		w.raw("indicator_id", broken.indicatorID)
	}
	w.date("published_at", m.published)
	w.styled("score", int64(m.score), m.scoreStyle)
	if w.list("sources", m.sources) {
		m.appendSources(w, &sources)
		w.close(']')
	}
	if m.status == nil {
		w.raw("status", "null")
	} else {
		if w.key("status") {
			w.open('{')
			w.text("status.description", m.status.Description)
			w.named("status", m.status.ID, m.status.Name)
		}
		w.number("status_id", int64(m.status.ID))
	}
	if w.list("tags", m.tags) {
		t := tags.intn(len(samples.Tags))
		w.open('{')
		w.named("tags", t+1, samples.Tags[t])
		w.close(']')
	}
	w.date("touched_at", m.touched)
	if w.key("type") {
		w.open('{')
		w.text("type.class", m.typ.Class)
		w.named("type", m.typ.ID, m.typ.Name)
	}
	w.number("type_id", int64(m.typ.ID))
	w.date("updated_at", m.updated)
	w.text("value", m.value)
	if m.extraKeys && asked["*"] {
		w.next()
		w.b = append(w.b, `"was_matched":false,"x_unknown":{"nested":[1,"two",{"three":null}],"a.b":{"c":1e-7}},"":"empty key"`...)
	}
	return append(w.b, '}')
}

// appendAttributes writes two to four attributes. Some repeat the name of the one before, with its value or another.
func (m *model) appendAttributes(w *writer, r *rng) {
	created, updated := date{sec: m.createdSec}, date{sec: m.updatedSec}
	name, value := 0, 0
	for i := range 2 + r.intn(3) {
		if i == 0 || !r.oneIn(5) {
			name = r.intn(len(samples.Attributes))
			value = r.intn(len(samples.Attributes[name].Values))
		} else if r.oneIn(2) {
			value = r.intn(len(samples.Attributes[name].Values))
		}
		w.next()
		w.open('{')
		w.number("attributes.attribute_id", int64(name+1))
		w.date("attributes.created_at", created)
		w.number("attributes.id", m.id*4+int64(i))
		w.number("attributes.indicator_id", m.id)
		w.text("attributes.name", samples.Attributes[name].Name)
		w.date("attributes.touched_at", updated)
		w.date("attributes.updated_at", updated)
		untidiness := 3
		if m.untidy {
			untidiness = r.intn(24)
		}
		switch untidiness {
		case 0:
			w.raw("attributes.value", "null")
		case 1:
			w.number("attributes.value", int64(value))
		case 2:
			w.raw("attributes.value", "true")
		default:
			w.text("attributes.value", samples.Attributes[name].Values[value])
		}
		w.close('}')
	}
}

func (m *model) appendSources(w *writer, r *rng) {
	first, n := r.intn(len(samples.Sources)), 1
	switch p := r.intn(20); {
	case p == 0:
		n = 3
	case p < 6:
		n = 2
	}
	for i := range n {
		source := (first + i) % len(samples.Sources)
		id := int64(12 + source)
		tlp := r.intn(len(samples.TLPs) + 1)
		published := date{sec: m.createdSec}
		if m.untidy {
			published.style = dateStyle(r.intn(int(dateStyles)))
		}
		if published.style == dateAbsent {
			published.style = dateNull
		}
		w.next()
		w.open('{')
		w.date("sources.created_at", date{sec: m.createdSec})
		w.number("sources.creator_source_id", id)
		w.number("sources.id", m.id*4+int64(i))
		w.number("sources.indicator_id", m.id)
		if m.status != nil {
			w.number("sources.indicator_status_id", int64(m.status.ID))
		}
		w.number("sources.indicator_type_id", int64(m.typ.ID))
		w.text("sources.name", samples.Sources[source])
		w.date("sources.published_at", published)
		w.number("sources.reference_id", 1)
		w.text("sources.source_expire_days", "30")
		w.number("sources.source_id", id)
		w.number("sources.source_score", int64(m.score))
		w.text("sources.source_type", "connectors")
		if tlp < len(samples.TLPs) {
			w.number("sources.tlp_id", int64(tlp+1))
			w.text("sources.tlp_name", samples.TLPs[tlp])
		} else {
			w.raw("sources.tlp_name", "null")
		}
		w.date("sources.updated_at", date{sec: m.updatedSec})
		w.close('}')
	}
}
