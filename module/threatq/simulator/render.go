// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import "strconv"

type sampleAttribute struct {
	name   string
	values []string
}

var sampleAttributes = []sampleAttribute{
	{"Description", []string{"Malicious Host", "Phishing kit", "Command and control", "Scanner seen by a honeypot"}},
	{"Country", []string{"MP", "GB", "DE", "BR", "JP"}},
	{"Malware Family", []string{"SampleBot", "ExampleLocker", "TestRAT"}},
	{"Threat Level (%)", []string{"10", "55", "90"}},
	{"Confidence", []string{"Low", "Medium", "High"}},
	{"Port/Protocol", []string{"443/tcp", "53/udp", "8080/tcp"}},
	{"C2  Server!!", []string{"yes", "no"}},
	{"a.b", []string{"dotted", "1"}},
	{"Kill-Chain_Phase", []string{"Delivery", "Exploitation", "Actions on Objectives"}},
	{"Catégorie", []string{"réseau", "hôte"}},
	{"MITRE ATT&CK", []string{"T1566.001", "T1059", "T1105"}},
	{"Report \"Link\"", []string{"https://example.com/reports/1", "https://example.org/r?id=2&x=<3>"}},
	{" leading and trailing ", []string{" spaced ", "value"}},
	{"First Seen", []string{"2024-01-31 23:59:59", "2025-06-30"}},
}

type sampleSource struct {
	id   int
	name string
}

var sampleSources = []sampleSource{
	{12, "Sample OSINT Feed"}, {13, "Example CERT"}, {14, "Internal Honeypots"}, {15, "Partner Exchange"},
	{16, "analyst@example.com"}, {17, "Sandbox \"Alpha\""},
}

var tlpNames = []string{"RED", "AMBER", "AMBER+STRICT", "GREEN", "CLEAR", "WHITE", "green"}

var adversaryNames = []string{"Sample Spider", "Fictional Falcon", "Example Ermine", "Test \"Tiger\""}

var tagNames = []string{"sample", "phishing", "to-review", "høneypot"}

var descriptions = []string{
	"Seen in a sample campaign.", "First line.\nSecond line with \"quotes\" and a \\ backslash.",
	"Ünïcödé description – 標本", "<p>Markup &amp; entities</p>",
}

// writer writes an indicator, or an object or a list within, as JSON.
type writer struct {
	b      []byte
	set    keys   // of the indicator that are asked for
	some   bool   // something precedes in the object or list that is being written
	parent string // the key of the indicator that is being written
}

// key starts the entry of a key, unless the key isn't asked for.
func (w *writer) key(bit keys, name string) bool {
	if w.set&bit == 0 {
		return false
	}
	if bit != within {
		w.parent = name
	} else if some := w.set & parentKeys[w.parent]; some != 0 && some&memberKeys[nestedKey{w.parent, name}] == 0 {
		return false
	}
	w.next()
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
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

func (w *writer) date(bit keys, name string, d date) {
	if d.style != dateAbsent && w.key(bit, name) {
		w.b = appendDate(w.b, d)
	}
}

func (w *writer) number(bit keys, name string, n int64, style numberStyle) {
	if style != numberAbsent && w.key(bit, name) {
		w.b = appendNumber(w.b, n, style)
	}
}

func (w *writer) text(bit keys, name, s string) {
	if w.key(bit, name) {
		w.b = appendQuoted(w.b, s)
	}
}

func (w *writer) raw(bit keys, name, value string) {
	if w.key(bit, name) {
		w.b = append(w.b, value...)
	}
}

// Entries of objects within the indicator are asked for unless others of them are by name.
const within = ^keys(0)

func (w *writer) int(name string, n int64) { w.number(within, name, n, numberPlain) }

// named writes an object with a name, and with what the other entry says where there is one.
func (w *writer) named(other, text string, id int, name string) {
	w.open('{')
	if other != "" {
		w.text(within, other, text)
	}
	w.int("id", int64(id))
	w.text(within, "name", name)
	w.close('}')
}

// list starts the entry of a list, and reports whether its elements and the closing bracket remain to be written.
func (w *writer) list(bit keys, name string, style listStyle) bool {
	if style == listAbsent || !w.key(bit, name) {
		return false
	}
	switch style {
	case listEmpty:
		w.b = append(w.b, "[]"...)
		return false
	case listNull:
		w.b = append(w.b, "null"...)
		return false
	}
	w.open('[')
	return true
}

// append writes the indicator with the keys of set to b. Whether a key is asked for never changes what the others hold.
func (m *model) append(b []byte, set keys) []byte {
	switch m.broken {
	case brokenText:
		return append(b, `"indicator could not be serialized"`...)
	case brokenNumber:
		return strconv.AppendInt(b, m.id, 10)
	case brokenNull:
		return append(b, "null"...)
	case brokenArray:
		return append(b, "[]"...)
	}
	r := m.detail
	// One stream per list: leaving out one list doesn't change another.
	adversaries, attributes, sources, tags, other := rng(r.next()), rng(r.next()), rng(r.next()), rng(r.next()), rng(r.next())

	w := writer{b: b, set: set}
	w.open('{')
	if w.list(keyAdversaries, "adversaries", m.adversaries) {
		first := adversaries.intn(len(adversaryNames))
		for i := range 1 + adversaries.intn(2) {
			a := (first + i) % len(adversaryNames)
			w.next()
			w.named("", "", a+1, adversaryNames[a])
		}
		w.close(']')
	}
	if w.list(keyAttributes, "attributes", m.attributes) {
		m.appendAttributes(&w, &attributes)
	}
	w.text(keyClass, "class", m.typ.class)
	w.date(keyCreatedAt, "created_at", m.created)
	if m.hasDescription {
		w.text(keyDescription, "description", pick(descriptions, &other))
	}
	w.date(keyExpiredAt, "expired_at", m.expired)
	w.date(keyExpiresAt, "expires_at", m.expires)
	w.date(keyExpiresCalculatedAt, "expires_calculated_at", m.calculated)
	if w.key(keyHash, "hash") {
		w.b = appendHexWord(append(w.b, '"'), other.next())
		w.b = append(appendHexWord(w.b, other.next()), '"')
	}
	m.appendIDs(&w)
	w.date(keyPublishedAt, "published_at", m.published)
	w.number(keyScore, "score", int64(m.score), m.scoreStyle)
	if w.list(keySources, "sources", m.sources) {
		m.appendSources(&w, &sources)
	}
	if m.status == nil {
		w.raw(keyStatus, "status", "null")
	} else {
		if w.key(keyStatus, "status") {
			w.named("description", m.status.description, m.status.id, m.status.name)
		}
		w.number(keyStatusID, "status_id", int64(m.status.id), numberPlain)
	}
	if w.list(keyTags, "tags", m.tagsStyle) {
		t := tags.intn(len(tagNames))
		w.named("", "", t+1, tagNames[t])
		w.close(']')
	}
	w.date(keyTouchedAt, "touched_at", m.touched)
	if w.key(keyType, "type") {
		w.named("class", m.typ.class, m.typ.id, m.typ.name)
	}
	w.number(keyTypeID, "type_id", int64(m.typ.id), numberPlain)
	w.date(keyUpdatedAt, "updated_at", m.updated)
	if w.key(keyValue, "value") {
		w.b = appendQuoted(w.b, m.value)
	}
	if m.extraKeys {
		w.raw(keyOther, "was_matched", `false,"x_unknown":{"nested":[1,"two",{"three":null}],"a.b":{"c":1e-7}},"":"empty key"`)
	}
	return append(w.b, '}')
}

func (m *model) appendIDs(w *writer) {
	idStyle, indicatorIDStyle := m.idStyle, m.indicatorIDStyle
	switch m.broken {
	case brokenNoID:
		return
	case brokenNullID:
		idStyle, indicatorIDStyle = numberNull, numberNull
	case brokenTextID:
		w.text(keyID, "id", "not a number")
		return
	case brokenObjectID:
		w.raw(keyID, "id", `{"$oid":"5f5b8c"}`)
		return
	}
	w.number(keyID, "id", m.id, idStyle)
	w.number(keyIndicatorID, "indicator_id", m.id, indicatorIDStyle)
}

// appendAttributes writes two to four attributes. Some repeat the name of the one before, with its value or another.
func (m *model) appendAttributes(w *writer, r *rng) {
	created, updated := date{sec: m.createdSec}, date{sec: m.updatedSec}
	name, value := 0, 0
	for i := range 2 + r.intn(3) {
		if i == 0 || !r.oneIn(5) {
			name = r.intn(len(sampleAttributes))
			value = r.intn(len(sampleAttributes[name].values))
		} else if r.oneIn(2) {
			value = r.intn(len(sampleAttributes[name].values))
		}
		w.next()
		w.open('{')
		w.int("attribute_id", int64(name+1))
		w.date(within, "created_at", created)
		w.int("id", m.id*4+int64(i))
		w.int("indicator_id", m.id)
		w.text(within, "name", sampleAttributes[name].name)
		w.date(within, "touched_at", updated)
		w.date(within, "updated_at", updated)
		odd := 3
		if m.untidy {
			odd = r.intn(24)
		}
		switch odd {
		case 0:
			w.raw(within, "value", "null")
		case 1:
			w.int("value", int64(value))
		case 2:
			w.raw(within, "value", "true")
		default:
			w.text(within, "value", sampleAttributes[name].values[value])
		}
		w.close('}')
	}
	w.close(']')
}

func (m *model) appendSources(w *writer, r *rng) {
	first, n := r.intn(len(sampleSources)), 1
	switch p := r.intn(20); {
	case p == 0:
		n = 3
	case p < 6:
		n = 2
	}
	for i := range n {
		s := &sampleSources[(first+i)%len(sampleSources)]
		tlp := r.intn(len(tlpNames) + 1)
		published := date{sec: m.createdSec}
		if m.untidy {
			published.style = dateStyle(r.intn(int(dateStyles)))
		}
		w.next()
		w.open('{')
		w.date(within, "created_at", date{sec: m.createdSec})
		w.int("creator_source_id", int64(s.id))
		w.int("id", m.id*4+int64(i))
		w.int("indicator_id", m.id)
		if m.status != nil {
			w.int("indicator_status_id", int64(m.status.id))
		}
		w.int("indicator_type_id", int64(m.typ.id))
		w.text(within, "name", s.name)
		if w.key(within, "published_at") {
			w.b = appendDate(w.b, published)
		}
		w.raw(within, "reference_id", `1,"source_expire_days":"30"`)
		w.int("source_id", int64(s.id))
		w.int("source_score", int64(m.score))
		w.text(within, "source_type", "connectors")
		if tlp < len(tlpNames) {
			w.int("tlp_id", int64(tlp+1))
			w.text(within, "tlp_name", tlpNames[tlp])
		} else {
			w.raw(within, "tlp_name", "null")
		}
		w.date(within, "updated_at", date{sec: m.updatedSec})
		w.close('}')
	}
	w.close(']')
}
