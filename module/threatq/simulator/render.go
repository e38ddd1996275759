// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import "strconv"

type attributeKind struct {
	name   string
	values []string
}

var attributeKinds = []attributeKind{
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

type sourceKind struct {
	id   int
	name string
}

var sourceKinds = []sourceKind{
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

// writer writes one indicator as a JSON object.
type writer struct {
	b    []byte
	set  keys
	some bool
}

// key starts the entry of a key, unless the key isn't asked for.
func (w *writer) key(bit keys, name string) bool {
	if w.set&bit == 0 {
		return false
	}
	if w.some {
		w.b = append(w.b, ',')
	}
	w.some = true
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
	return true
}

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

// list starts the entry of a list, and reports whether its elements and the closing bracket remain to be written.
func (w *writer) list(bit keys, name string, style listStyle) bool {
	if style == listAbsent || !w.key(bit, name) {
		return false
	}
	switch style {
	case listEmpty:
		w.b = append(w.b, '[', ']')
		return false
	case listNull:
		w.b = append(w.b, "null"...)
		return false
	}
	w.b = append(w.b, '[')
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

	w := writer{b: append(b, '{'), set: set}
	if w.list(keyAdversaries, "adversaries", m.adversaries) {
		m.appendAdversaries(&w, &adversaries)
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
		w.b = append(w.b, '"')
		w.b = appendHexWord(w.b, other.next())
		w.b = appendHexWord(w.b, other.next())
		w.b = append(w.b, '"')
	}
	m.appendIDs(&w)
	w.date(keyPublishedAt, "published_at", m.published)
	w.number(keyScore, "score", int64(m.score), m.scoreStyle)
	if w.list(keySources, "sources", m.sources) {
		m.appendSources(&w, &sources)
	}
	m.appendStatus(&w)
	if w.list(keyTags, "tags", m.tagsStyle) {
		w.b = append(w.b, `{"id":`...)
		t := tags.intn(len(tagNames))
		w.b = strconv.AppendInt(w.b, int64(t+1), 10)
		w.b = append(w.b, `,"name":`...)
		w.b = appendQuoted(w.b, tagNames[t])
		w.b = append(w.b, '}', ']')
	}
	w.date(keyTouchedAt, "touched_at", m.touched)
	if w.key(keyType, "type") {
		w.b = append(w.b, `{"class":`...)
		w.b = appendQuoted(w.b, m.typ.class)
		w.b = append(w.b, `,"id":`...)
		w.b = strconv.AppendInt(w.b, int64(m.typ.id), 10)
		w.b = append(w.b, `,"name":`...)
		w.b = appendQuoted(w.b, m.typ.name)
		w.b = append(w.b, '}')
	}
	w.number(keyTypeID, "type_id", int64(m.typ.id), numberPlain)
	w.date(keyUpdatedAt, "updated_at", m.updated)
	if w.key(keyValue, "value") {
		w.b = appendQuoted(w.b, m.value)
	}
	if m.extraKeys && w.key(keyOther, "was_matched") {
		w.b = append(w.b, `false,"x_unknown":{"nested":[1,"two",{"three":null}],"a.b":{"c":1e-7}},"":"empty key"`...)
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
		if w.key(keyID, "id") {
			w.b = append(w.b, `{"$oid":"5f5b8c"}`...)
		}
		return
	}
	w.number(keyID, "id", m.id, idStyle)
	w.number(keyIndicatorID, "indicator_id", m.id, indicatorIDStyle)
}

func (m *model) appendStatus(w *writer) {
	if m.status == nil {
		if w.key(keyStatus, "status") {
			w.b = append(w.b, "null"...)
		}
		return
	}
	if w.key(keyStatus, "status") {
		w.b = append(w.b, `{"description":`...)
		w.b = appendQuoted(w.b, m.status.description)
		w.b = append(w.b, `,"id":`...)
		w.b = strconv.AppendInt(w.b, int64(m.status.id), 10)
		w.b = append(w.b, `,"name":`...)
		w.b = appendQuoted(w.b, m.status.name)
		w.b = append(w.b, '}')
	}
	w.number(keyStatusID, "status_id", int64(m.status.id), numberPlain)
}

func (m *model) appendAdversaries(w *writer, r *rng) {
	first := r.intn(len(adversaryNames))
	for i := range 1 + r.intn(2) {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		a := (first + i) % len(adversaryNames)
		w.b = append(w.b, `{"id":`...)
		w.b = strconv.AppendInt(w.b, int64(a+1), 10)
		w.b = append(w.b, `,"name":`...)
		w.b = appendQuoted(w.b, adversaryNames[a])
		w.b = append(w.b, '}')
	}
	w.b = append(w.b, ']')
}

// appendAttributes writes two to four attributes. Some repeat the name of the one before, with its value or another.
func (m *model) appendAttributes(w *writer, r *rng) {
	created := date{sec: m.createdSec}
	updated := date{sec: m.updatedSec}
	kind, value := 0, 0
	for i := range 2 + r.intn(3) {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		if i == 0 || !r.oneIn(5) {
			kind = r.intn(len(attributeKinds))
			value = r.intn(len(attributeKinds[kind].values))
		} else if r.oneIn(2) {
			value = r.intn(len(attributeKinds[kind].values))
		}
		k := &attributeKinds[kind]
		w.b = append(w.b, `{"attribute_id":`...)
		w.b = strconv.AppendInt(w.b, int64(kind+1), 10)
		w.b = append(w.b, `,"created_at":`...)
		w.b = appendDate(w.b, created)
		w.b = append(w.b, `,"id":`...)
		w.b = strconv.AppendInt(w.b, m.id*4+int64(i), 10)
		w.b = append(w.b, `,"indicator_id":`...)
		w.b = strconv.AppendInt(w.b, m.id, 10)
		w.b = append(w.b, `,"name":`...)
		w.b = appendQuoted(w.b, k.name)
		w.b = append(w.b, `,"touched_at":`...)
		w.b = appendDate(w.b, updated)
		w.b = append(w.b, `,"updated_at":`...)
		w.b = appendDate(w.b, updated)
		w.b = append(w.b, `,"value":`...)
		odd := 3
		if m.untidy {
			odd = r.intn(24)
		}
		switch odd {
		case 0:
			w.b = append(w.b, "null"...)
		case 1:
			w.b = strconv.AppendInt(w.b, int64(value), 10)
		case 2:
			w.b = append(w.b, "true"...)
		default:
			w.b = appendQuoted(w.b, k.values[value])
		}
		w.b = append(w.b, '}')
	}
	w.b = append(w.b, ']')
}

func (m *model) appendSources(w *writer, r *rng) {
	created, published, updated := date{sec: m.createdSec}, date{sec: m.createdSec}, date{sec: m.updatedSec}
	first, n := r.intn(len(sourceKinds)), 1
	switch p := r.intn(20); {
	case p == 0:
		n = 3
	case p < 6:
		n = 2
	}
	for i := range n {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		s := &sourceKinds[(first+i)%len(sourceKinds)]
		tlp := r.intn(len(tlpNames) + 1)
		published.style = datePlain
		if m.untidy {
			published.style = dateStyle(r.intn(int(dateStyles)))
		}
		w.b = append(w.b, `{"created_at":`...)
		w.b = appendDate(w.b, created)
		w.b = append(w.b, `,"creator_source_id":`...)
		w.b = strconv.AppendInt(w.b, int64(s.id), 10)
		w.b = append(w.b, `,"id":`...)
		w.b = strconv.AppendInt(w.b, m.id*4+int64(i), 10)
		w.b = append(w.b, `,"indicator_id":`...)
		w.b = strconv.AppendInt(w.b, m.id, 10)
		if m.status != nil {
			w.b = append(w.b, `,"indicator_status_id":`...)
			w.b = strconv.AppendInt(w.b, int64(m.status.id), 10)
		}
		w.b = append(w.b, `,"indicator_type_id":`...)
		w.b = strconv.AppendInt(w.b, int64(m.typ.id), 10)
		w.b = append(w.b, `,"name":`...)
		w.b = appendQuoted(w.b, s.name)
		w.b = append(w.b, `,"published_at":`...)
		w.b = appendDate(w.b, published)
		w.b = append(w.b, `,"reference_id":1,"source_expire_days":"30","source_id":`...)
		w.b = strconv.AppendInt(w.b, int64(s.id), 10)
		w.b = append(w.b, `,"source_score":`...)
		w.b = strconv.AppendInt(w.b, int64(m.score), 10)
		w.b = append(w.b, `,"source_type":"connectors"`...)
		if tlp < len(tlpNames) {
			w.b = append(w.b, `,"tlp_id":`...)
			w.b = strconv.AppendInt(w.b, int64(tlp+1), 10)
			w.b = append(w.b, `,"tlp_name":`...)
			w.b = appendQuoted(w.b, tlpNames[tlp])
		} else {
			w.b = append(w.b, `,"tlp_name":null`...)
		}
		w.b = append(w.b, `,"updated_at":`...)
		w.b = appendDate(w.b, updated)
		w.b = append(w.b, '}')
	}
	w.b = append(w.b, ']')
}
