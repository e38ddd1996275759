// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

// Streams of random numbers of one indicator. What an indicator is never changes; its state changes with some updates.
const (
	streamIdentity = iota + 1
	streamShape
	streamState
	streamDetail
)

// dateStyle is how a date is written.
type dateStyle uint8

const (
	datePlain    dateStyle = iota // 2006-01-02 15:04:05
	dateRFC3339                   // 2006-01-02T15:04:05Z
	dateOffset                    // the same with +02:00
	dateFraction                  // 2006-01-02T15:04:05.000000Z
	dateAbsent                    // from here on there is no date
	dateNull
	dateEmpty
	dateZero // 0000-00-00 00:00:00
	dateStyles
)

// date is a date in Unix seconds and how it is written.
type date struct {
	sec   int64
	style dateStyle
}

func (d date) set() bool { return d.style < dateAbsent }

// numberStyle is how a number is written.
type numberStyle uint8

const (
	numberPlain numberStyle = iota
	numberString
	numberNull
	numberAbsent
)

// listStyle is how a list is written.
type listStyle uint8

const (
	listPlain listStyle = iota
	listEmpty
	listNull
	listAbsent
)

// breakage is in what way an indicator can't be read.
type breakage uint8

const (
	notBroken breakage = iota
	brokenNoID
	brokenNullID
	brokenTextID
	brokenObjectID
	brokenText
	brokenNumber
	brokenNull
	brokenArray
	breakages
)

// variant is when an indicator was last updated, in Unix seconds, and how often its state changed since the start.
type variant struct {
	sec   int64
	state uint32
}

// model is all of an indicator that a test may want to know, before it is written as JSON.
type model struct {
	index  int
	id     int64
	typ    *indicatorType
	value  []byte
	misfit bool
	status *indicatorStatus // nil: null
	untidy bool
	broken breakage

	createdSec, updatedSec               int64 // also where the dates below are missing
	created, published, updated, touched date
	calculated, expires, expired         date
	score                                int
	hasDescription                       bool

	idStyle, indicatorIDStyle, scoreStyle       numberStyle
	attributes, sources, adversaries, tagsStyle listStyle
	extraKeys                                   bool
	identity, detail                            rng
}

// generator computes indicators.
type generator struct {
	seed       uint64
	types      *schedule
	n          int64 // indicators at the start
	firstID    int64
	base       int64 // BaseTime, Unix seconds
	history    int64 // seconds
	untidy     float64
	unreadable float64
}

const (
	day  = 24 * 60 * 60
	hour = 60 * 60
)

// baseSec returns when the indicator was updated as of the start. It never decreases with the index, so the
// collection is in the order of the cursor without being sorted.
func (g *generator) baseSec(index int) int64 {
	if int64(index) >= g.n {
		return g.base
	}
	return g.base - g.history + int64(index)*g.history/g.n
}

// model computes an indicator into m. It reuses the memory of m.value.
func (g *generator) model(m *model, index int, v variant) {
	n := uint64(index)
	shape := newRNG(g.seed, n, streamShape)
	state := newRNG(g.seed+uint64(v.state)<<32, n, streamState)

	*m = model{
		index:  index,
		id:     g.firstID + int64(index),
		typ:    g.types[(n*typeStep+g.seed%uint64(len(g.types)))%uint64(len(g.types))],
		value:  m.value[:0],
		untidy: shape.share(g.untidy),
		detail: newRNG(g.seed, n, streamDetail),
	}
	m.identity = newRNG(g.seed, n, streamIdentity) // in m, because it would escape to the heap by itself
	identity := &m.identity
	if shape.share(g.unreadable) {
		m.broken = 1 + breakage(shape.intn(int(breakages)-1))
	}
	if m.untidy && identity.oneIn(40) {
		m.typ = &customType
	}
	m.misfit = m.untidy && m.typ.misfit != "" && identity.oneIn(12)
	if m.misfit {
		m.value = append(m.value, m.typ.misfit...)
	} else {
		m.value = m.typ.value(m.value, uint64(m.id), identity)
	}

	base := g.baseSec(index)
	if int64(index) >= g.n && v.sec > 0 {
		base = min(base, v.sec) // it joined later, as of then
	}
	updated := max(v.sec, base)
	created := base - int64(identity.intn(60*day))
	m.createdSec, m.updatedSec = created, updated
	m.created = date{sec: created}
	m.published = date{sec: min(created+int64(identity.intn(hour)), base)}
	m.updated = date{sec: updated}
	m.touched = date{sec: updated + int64(identity.intn(hour))}
	m.calculated = date{sec: updated + 30*day + int64(state.intn(30*day))}
	m.expires, m.expired = g.expiry(&state)
	m.status = pickStatus(&state)
	m.score = state.intn(11)
	m.hasDescription = identity.oneIn(8)
	m.indicatorIDStyle = numberAbsent
	m.adversaries = listEmpty
	if identity.oneIn(5) {
		m.adversaries = listPlain
	}
	m.tagsStyle = listAbsent
	if identity.oneIn(5) {
		m.tagsStyle = listPlain
	}
	if m.untidy {
		m.makeUntidy(&shape, updated != base)
	}
}

// expiry draws expires_at and expired_at: each none, past or future as of BaseTime, in all combinations.
func (g *generator) expiry(r *rng) (expires, expired date) {
	none := date{style: dateAbsent}
	expires, expired = none, none
	switch p := r.intn(100); {
	case p < 20:
		expires = date{sec: g.base - 1 - int64(r.intn(30*day))}
	case p < 60:
		expires = date{sec: g.base + day + int64(r.intn(180*day))}
	}
	switch p := r.intn(100); {
	case p < 18:
		expired = date{sec: g.base - 1 - int64(r.intn(30*day))}
	case p < 28:
		expired = date{sec: g.base + day + int64(r.intn(180*day))}
	}
	return expires, expired
}

func pickStatus(r *rng) *indicatorStatus {
	p := r.intn(100)
	for i := range indicatorStatuses {
		if p -= indicatorStatuses[i].weight; p < 0 {
			return &indicatorStatuses[i]
		}
	}
	return &indicatorStatuses[0]
}

// makeUntidy writes the indicator as real appliances do now and then. An indicator that was updated since the start
// always carries its updated_at, because tests tell its versions apart by it.
func (m *model) makeUntidy(r *rng, wasUpdated bool) {
	dateOf := func(d *date) {
		if d.set() {
			d.style = dateStyle(r.intn(int(dateAbsent)))
		} else {
			d.style = dateAbsent + dateStyle(r.intn(int(dateStyles-dateAbsent)))
		}
	}
	for _, d := range []*date{&m.created, &m.published, &m.updated, &m.touched, &m.calculated, &m.expires, &m.expired} {
		dateOf(d)
	}
	// Every draw happens in any case: the shape of an indicator must not depend on its state, least of all its id.
	missingStyle := func() date { return date{style: dateAbsent + dateStyle(r.intn(int(dateStyles-dateAbsent)))} }
	none := func(d *date) { *d = missingStyle() }
	if r.oneIn(6) {
		none(&m.touched)
	}
	if r.oneIn(6) {
		none(&m.calculated)
	}
	// The three dates that an event's time may come from: missing one after the other.
	missing := r.intn(48)
	if d := missingStyle(); missing < 6 && !wasUpdated {
		m.updated = d
	}
	if missing < 3 {
		none(&m.published)
	}
	if missing < 1 {
		none(&m.created)
	}

	m.scoreStyle = numberStyle(r.intn(4))
	switch r.intn(6) {
	case 0:
		m.idStyle = numberString
	case 1: // only indicator_id names the indicator
		m.idStyle, m.indicatorIDStyle = numberAbsent, numberPlain
	case 2:
		m.idStyle, m.indicatorIDStyle = numberNull, numberString
	case 3:
		m.idStyle, m.indicatorIDStyle = numberString, numberNull
	case 4:
		m.indicatorIDStyle = numberPlain
	}
	for _, l := range []*listStyle{&m.attributes, &m.sources, &m.adversaries, &m.tagsStyle} {
		if r.oneIn(3) {
			*l = listStyle(r.intn(4))
		}
	}
	m.extraKeys = r.oneIn(2)
	if r.oneIn(30) {
		m.status = nil
	}
}
