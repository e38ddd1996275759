// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// key is a key of an indicator, or of an object within, and what appends its value. A key is left out when that appends
// nothing.
type key struct {
	name  string
	below []key // the keys of its value: of an object, or of each object of a list
	value func(b []byte, m *model, below []key) []byte
}

// element is what is drawn of an element of a list.
type element struct {
	number, count int // its place in the list from 0 on, and how many there are
	first         int // where the choice of the first one fell
	id            int
	name          string
	choice        int    // of the values of an attribute
	raw           string // the value of an attribute that is no text
	published     date
	tlp           int // 0: none
}

var (
	named = []key{
		numberKey("id", func(m *model) (int, style) { return m.element.id, plain }),
		textKey("name", func(m *model) string { return m.element.name }),
	}
	indicatorKeys = []key{
		listKey("adversaries", named, func(m *model) *list { return &m.adversaries }, drawAdversary),
		listKey("attributes", attributeKeys, func(m *model) *list { return &m.attributes }, drawAttribute),
		textKey("class", func(m *model) string { return m.typ.Class }),
		dateKey("created_at", func(m *model) date { return m.created }),
		textKey("description", func(m *model) string { return m.description }),
		dateKey("expired_at", func(m *model) date { return m.expired }),
		dateKey("expires_at", func(m *model) date { return m.expires }),
		dateKey("expires_calculated_at", func(m *model) date { return m.calculated }),
		{name: "hash", value: func(b []byte, m *model, _ []key) []byte {
			return fmt.Appendf(b, `"%016x%016x"`, m.hash[0], m.hash[1])
		}},
		{name: "id", value: func(b []byte, m *model, _ []key) []byte { return m.appendID(b, m.idStyle, breakages[m.broken].id) }},
		{name: "indicator_id", value: func(b []byte, m *model, _ []key) []byte {
			return m.appendID(b, m.indicatorIDStyle, breakages[m.broken].indicatorID)
		}},
		dateKey("published_at", func(m *model) date { return m.published }),
		numberKey("score", func(m *model) (int, style) { return m.score, m.scoreStyle }),
		listKey("sources", sourceKeys, func(m *model) *list { return &m.sources }, drawSource),
		{name: "status", below: statusKeys, value: func(b []byte, m *model, below []key) []byte {
			if m.status == noStatus {
				return append(b, "null"...)
			}
			return appendObject(b, m, below)
		}},
		numberKey("status_id", func(m *model) (int, style) { return given(m.status.ID) }),
		listKey("tags", named, func(m *model) *list { return &m.tags }, drawTag),
		dateKey("touched_at", func(m *model) date { return m.touched }),
		{name: "type", below: typeKeys, value: appendObject},
		numberKey("type_id", func(m *model) (int, style) { return m.typ.ID, plain }),
		dateKey("updated_at", func(m *model) date { return m.updated }),
		textKey("value", func(m *model) string { return m.value }),
	}
	attributeKeys = []key{
		numberKey("attribute_id", func(m *model) (int, style) { return m.element.id, plain }),
		dateKey("created_at", func(m *model) date { return date{sec: m.createdSec} }),
		numberKey("id", func(m *model) (int, style) { return m.id*4 + m.element.number, plain }),
		numberKey("indicator_id", func(m *model) (int, style) { return m.id, plain }),
		textKey("name", func(m *model) string { return m.element.name }),
		dateKey("touched_at", func(m *model) date { return date{sec: m.updatedSec} }),
		dateKey("updated_at", func(m *model) date { return date{sec: m.updatedSec} }),
		{name: "value", value: func(b []byte, m *model, _ []key) []byte {
			e := &m.element
			if e.raw != "" {
				return append(b, e.raw...)
			}
			return appendQuoted(b, samples.Attributes[e.id-1].Values[e.choice])
		}},
	}
	sourceKeys = []key{
		dateKey("created_at", func(m *model) date { return date{sec: m.createdSec} }),
		numberKey("creator_source_id", func(m *model) (int, style) { return m.element.id, plain }),
		numberKey("id", func(m *model) (int, style) { return m.id*4 + m.element.number, plain }),
		numberKey("indicator_id", func(m *model) (int, style) { return m.id, plain }),
		numberKey("indicator_status_id", func(m *model) (int, style) { return given(m.status.ID) }),
		numberKey("indicator_type_id", func(m *model) (int, style) { return m.typ.ID, plain }),
		textKey("name", func(m *model) string { return m.element.name }),
		dateKey("published_at", func(m *model) date { return m.element.published }),
		numberKey("reference_id", func(*model) (int, style) { return 1, plain }),
		textKey("source_expire_days", func(*model) string { return "30" }),
		numberKey("source_id", func(m *model) (int, style) { return m.element.id, plain }),
		numberKey("source_score", func(m *model) (int, style) { return m.score, plain }),
		textKey("source_type", func(*model) string { return "connectors" }),
		numberKey("tlp_id", func(m *model) (int, style) { return given(m.element.tlp) }),
		{name: "tlp_name", value: func(b []byte, m *model, _ []key) []byte {
			if m.element.tlp == 0 {
				return append(b, "null"...)
			}
			return appendQuoted(b, samples.TLPs[m.element.tlp-1])
		}},
		dateKey("updated_at", func(m *model) date { return date{sec: m.updatedSec} }),
	}
	statusKeys = []key{
		textKey("description", func(m *model) string { return m.status.Description }),
		numberKey("id", func(m *model) (int, style) { return m.status.ID, plain }),
		textKey("name", func(m *model) string { return m.status.Name }),
	}
	typeKeys = []key{
		textKey("class", func(m *model) string { return m.typ.Class }),
		numberKey("id", func(m *model) (int, style) { return m.typ.ID, plain }),
		textKey("name", func(m *model) string { return m.typ.Name }),
	}
)

// textKey is a key whose value is a text, and left out when that is empty.
func textKey(name string, of func(*model) string) key {
	return key{name: name, value: func(b []byte, m *model, _ []key) []byte {
		if s := of(m); s != "" {
			b = appendQuoted(b, s)
		}
		return b
	}}
}

func numberKey(name string, of func(*model) (int, style)) key {
	return key{name: name, value: func(b []byte, m *model, _ []key) []byte {
		n, style := of(m)
		return appendNumber(b, n, style)
	}}
}

func dateKey(name string, of func(*model) date) key {
	return key{name: name, value: func(b []byte, m *model, _ []key) []byte { return appendDate(b, of(m)) }}
}

// listKey is a key whose value is a list. draw draws its next element, and reports false when there is none.
func listKey(name string, below []key, of func(*model) *list, draw func(*model, *rng) bool) key {
	return key{name: name, below: below, value: func(b []byte, m *model, below []key) []byte {
		l := of(m)
		switch l.style {
		case absent:
			return b
		case odd:
			return append(b, "[]"...)
		case null:
			return append(b, "null"...)
		}
		b = append(b, '[')
		for m.element = (element{}); draw(m, &l.rng); m.element.number++ {
			if m.element.number > 0 {
				b = append(b, ',')
			}
			b = appendObject(b, m, below)
		}
		return append(b, ']')
	}}
}

func appendObject(b []byte, m *model, keys []key) []byte {
	return append(appendKeys(append(b, '{'), m, keys), '}')
}

// appendKeys appends what stands between the braces of an object, the first of which is there.
func appendKeys(b []byte, m *model, keys []key) []byte {
	for i := range keys {
		k, before := &keys[i], len(b)
		if b[before-1] != '{' {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, k.name...)
		b = append(b, `":`...)
		start := len(b)
		if b = k.value(b, m, k.below); len(b) == start {
			b = b[:before]
		}
	}
	return b
}

// given is an id that is absent when it is 0.
func given(id int) (int, style) {
	if id == 0 {
		return 0, absent
	}
	return id, plain
}

func appendNumber(b []byte, n int, s style) []byte {
	switch s {
	case absent:
		return b
	case null:
		return append(b, "null"...)
	case odd:
		return fmt.Appendf(b, `"%d"`, n)
	}
	return strconv.AppendInt(b, int64(n), 10)
}

// appendID appends an id, or what an indicator that can't be read has in its place.
func (m *model) appendID(b []byte, s style, broken string) []byte {
	if m.broken != 0 {
		return append(b, broken...)
	}
	return appendNumber(b, m.id, s)
}

var dateZone = time.FixedZone("", 2*hour)

func appendDate(b []byte, d date) []byte {
	t := time.Unix(d.sec, 0).UTC()
	switch d.style {
	case datePlain: // package time is fastest at RFC 3339
		b = t.AppendFormat(append(b, '"'), time.RFC3339)
		b[len(b)-len("T15:04:05Z")], b[len(b)-1] = ' ', '"'
		return b
	case dateOffset:
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
	if whole := breakages[m.broken].whole; whole != "" {
		return append(b, strings.ReplaceAll(whole, "ID", strconv.Itoa(m.id))...)
	}
	b = appendKeys(append(b, '{'), m, asked.keys)
	if m.extraKeys && asked.unknown {
		b = append(b, `,"was_matched":false,"x_unknown":{"nested":[1,"two",{"three":null}],"a.b":{"c":1e-7}},"":"empty key"`...)
	}
	return append(b, '}')
}

func drawAdversary(m *model, r *rng) bool {
	e := &m.element
	if e.number == 0 {
		e.first, e.count = r.intn(len(samples.Adversaries)), 1+r.intn(2)
	}
	at := (e.first + e.number) % len(samples.Adversaries)
	e.id, e.name = at+1, samples.Adversaries[at]
	return e.number < e.count
}

func drawTag(m *model, r *rng) bool {
	at := r.intn(len(samples.Tags))
	m.element.id, m.element.name = at+1, samples.Tags[at]
	return m.element.number == 0
}

// drawAttribute draws one of two to four attributes. Some repeat the name of the one before, with its value or another.
func drawAttribute(m *model, r *rng) bool {
	e := &m.element
	if e.number == 0 {
		e.count = 2 + r.intn(3)
	}
	if e.number == e.count {
		return false
	}
	again := e.number > 0 && r.oneIn(5)
	if !again {
		e.id = 1 + r.intn(len(samples.Attributes))
		e.name = samples.Attributes[e.id-1].Name
	}
	if !again || r.oneIn(2) {
		e.choice = r.intn(len(samples.Attributes[e.id-1].Values))
	}
	e.raw = ""
	if m.untidy {
		switch r.intn(24) {
		case 0:
			e.raw = "null"
		case 1:
			e.raw = strconv.Itoa(e.choice)
		case 2:
			e.raw = "true"
		}
	}
	return true
}

func drawSource(m *model, r *rng) bool {
	e := &m.element
	if e.number == 0 {
		e.first, e.count = r.intn(len(samples.Sources)), 1
		switch p := r.intn(20); {
		case p == 0:
			e.count = 3
		case p < 6:
			e.count = 2
		}
	}
	if e.number == e.count {
		return false
	}
	source := (e.first + e.number) % len(samples.Sources)
	e.id, e.name = 12+source, samples.Sources[source]
	e.tlp = (r.intn(len(samples.TLPs)+1) + 1) % (len(samples.TLPs) + 1)
	e.published = date{sec: m.createdSec}
	if m.untidy {
		e.published.style = dateStyle(r.intn(int(dateStyles)))
	}
	if e.published.style == dateAbsent {
		e.published.style = dateNull
	}
	return true
}
