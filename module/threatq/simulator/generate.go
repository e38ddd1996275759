// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import "math/bits"

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
	datePlain dateStyle = iota
	dateRFC3339
	dateOffset
	dateFraction
	dateAbsent // from here on there is no date
	dateNull
	dateEmpty
	dateZero
	dateStyles
)

var dateLayouts = [dateStyles]string{
	dateRFC3339:  `"2006-01-02T15:04:05Z"`,
	dateOffset:   `"2006-01-02T15:04:05-07:00"`,
	dateFraction: `"2006-01-02T15:04:05.000000Z"`,
	dateNull:     `null`,
	dateEmpty:    `""`,
	dateZero:     `"0000-00-00 00:00:00"`,
}

// date is a date in Unix seconds and how it is written.
type date struct {
	sec   int64
	style dateStyle
}

// style is how a number or a list is written.
type style uint8

const (
	plain style = iota
	odd         // a number as a string, a list without elements
	null
	absent
)

// breakages are the ways in which an indicator can't be read: what comes in its place, or its ids, where absent is empty.
var breakages = [...]struct{ whole, id, indicatorID string }{
	{}, // it can be read
	{},
	{id: `null`, indicatorID: `null`},
	{id: `"not a number"`},
	{id: `{"$oid":"5f5b8c"}`},
	{whole: `"indicator could not be serialized"`},
	{whole: `ID`}, // stands for the id as a number
	{whole: `null`},
	{whole: `[]`},
}

// model is all that is drawn of an indicator before it is written as JSON.
type model struct {
	id     int
	typ    *indicatorType
	value  string
	misfit bool
	status *indicatorStatus
	untidy bool
	broken int // of breakages

	createdSec, updatedSec               int64 // also where the dates below are missing
	created, published, updated, touched date
	calculated, expires, expired         date
	score                                int
	description                          string
	hash                                 [2]uint64

	idStyle, indicatorIDStyle, scoreStyle  style
	attributes, sources, adversaries, tags list
	extraKeys                              bool
	element                                element // of the list that is being written
}

// list is how a list is written, and what its elements are drawn from.
type list struct {
	style style
	rng   rng
}

// generator computes indicators.
type generator struct {
	seed       uint64
	types      *schedule
	n          int64 // indicators at the start
	firstID    int64
	base       int64 // BaseTime, Unix seconds
	untidy     float64
	unreadable float64
}

const (
	hour = 60 * 60
	day  = 24 * hour
	// history is how long before the start its indicators were updated, in seconds.
	history = 120 * day
)

// baseSec returns when the indicator was updated as of the start. It never decreases with the index, so the
// collection is in the order of the cursor without being sorted.
func (g *generator) baseSec(index int) int64 {
	if int64(index) >= g.n {
		return g.base
	}
	return g.base - history + int64(index)*history/g.n
}

// indicator writes an indicator with the fields that are asked for.
func (g *generator) indicator(b []byte, it item, asked fields) []byte {
	m := g.model(it)
	if it.override != nil {
		return it.override.append(b, m, asked)
	}
	return m.append(b, asked)
}

// model computes an indicator, as if it had no override.
func (g *generator) model(it item) *model {
	n := uint64(it.index)
	identity := newRNG(g.seed, n, streamIdentity)
	shape := newRNG(g.seed, n, streamShape)
	state := newRNG(g.seed+uint64(it.state)<<32, n, streamState)
	m := &model{
		id:     int(g.firstID) + it.index,
		typ:    g.types[(n*typeStep+g.seed%uint64(len(g.types)))%uint64(len(g.types))],
		untidy: shape.share(g.untidy),
	}
	if shape.share(g.unreadable) {
		m.broken = 1 + shape.intn(len(breakages)-1)
	}
	if m.untidy && identity.oneIn(40) {
		m.typ = &customType
	}
	m.misfit = m.untidy && m.typ.Misfit != "" && identity.oneIn(12)
	if m.misfit {
		m.value = m.typ.Misfit
	} else {
		m.value = string(m.typ.value(nil, uint64(m.id), &identity))
	}

	base := g.baseSec(it.index)
	if int64(it.index) >= g.n && it.sec > 0 {
		base = min(base, it.sec) // it joined later, as of then
	}
	updated := max(it.sec, base)
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
	// One stream for each list: leaving out one list doesn't change another.
	detail := newRNG(g.seed, n, streamDetail)
	for _, l := range []*list{&m.adversaries, &m.attributes, &m.sources, &m.tags} {
		l.rng = rng(detail.next())
	}
	other := rng(detail.next())
	if identity.oneIn(8) {
		m.description = pick(samples.Descriptions, &other)
	}
	m.hash = [...]uint64{other.next(), other.next()}
	m.indicatorIDStyle = absent
	m.adversaries.style = odd
	if identity.oneIn(5) {
		m.adversaries.style = plain
	}
	m.tags.style = absent
	if identity.oneIn(5) {
		m.tags.style = plain
	}
	if m.untidy {
		m.makeUntidy(&shape, updated != base)
	}
	return m
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
	i := 0
	for p := r.intn(100) - samples.Statuses[0].Weight; p >= 0; p -= samples.Statuses[i].Weight {
		i++
	}
	return &samples.Statuses[i]
}

// makeUntidy writes the indicator as real appliances do now and then. An indicator that was updated since the start
// always carries its updated_at, because tests tell its versions apart by it.
func (m *model) makeUntidy(r *rng, wasUpdated bool) {
	none := func() date { return date{style: dateAbsent + dateStyle(r.intn(int(dateStyles-dateAbsent)))} }
	for _, d := range []*date{&m.created, &m.published, &m.updated, &m.touched, &m.calculated, &m.expires, &m.expired} {
		if d.style == datePlain {
			d.style = dateStyle(r.intn(int(dateAbsent)))
		} else {
			*d = none()
		}
	}
	if r.oneIn(6) {
		m.touched = none()
	}
	if r.oneIn(6) {
		m.calculated = none()
	}
	// The three dates that an event's time may come from: missing one after the other.
	missing := r.intn(48)
	// It is drawn in any case: the shape of an indicator must not depend on its state, least of all its id.
	if d := none(); missing < 6 && !wasUpdated {
		m.updated = d
	}
	if missing < 3 {
		m.published = none()
	}
	if missing < 1 {
		m.created = none()
	}

	m.scoreStyle = style(r.intn(4))
	switch r.intn(6) {
	case 0:
		m.idStyle = odd
	case 1: // only indicator_id names the indicator
		m.idStyle, m.indicatorIDStyle = absent, plain
	case 2:
		m.idStyle, m.indicatorIDStyle = null, odd
	case 3:
		m.idStyle, m.indicatorIDStyle = odd, null
	case 4:
		m.indicatorIDStyle = plain
	}
	for _, l := range []*list{&m.attributes, &m.sources, &m.adversaries, &m.tags} {
		if r.oneIn(3) {
			l.style = style(r.intn(4))
		}
	}
	m.extraKeys = r.oneIn(2)
	if r.oneIn(30) {
		m.status = noStatus
	}
}

// rng is a splitmix64 generator: one word of state, so that seeding one for each indicator costs nothing.
type rng uint64

// newRNG returns the generator of one stream of one indicator.
func newRNG(seed, index, stream uint64) rng {
	r := rng(seed ^ index*0x9e3779b97f4a7c15 ^ stream*0xd1b54a32d192ed03)
	r.next()
	return rng(r.next())
}

func (r *rng) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	return mix(uint64(*r))
}

// intn returns a number from 0 to n-1.
func (r *rng) intn(n int) int {
	hi, _ := bits.Mul64(r.next(), uint64(n))
	return int(hi)
}

// oneIn is true once in n calls.
func (r *rng) oneIn(n int) bool { return r.intn(n) == 0 }

// share is true for the given share, 0 to 1, of the calls.
func (r *rng) share(p float64) bool {
	return p > 0 && float64(r.next()>>11)/(1<<53) < p
}

// mix is the finaliser of splitmix64, a bijection of 64 bits.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
