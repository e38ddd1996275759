// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"reflect"
	"slices"
	"sort"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/mapstr"
)

// Missing stands for an id that an indicator does not have.
const Missing = math.MinInt64

// Indicator names an indicator as the transform does: by threatq.id and
// threatq.indicator_id, either of which may be Missing.
type Indicator struct{ ID, IndicatorID int64 }

// Named reports whether the indicator has at least one id.
func (i Indicator) Named() bool { return i.ID != Missing || i.IndicatorID != Missing }

// String returns the ids for a message.
func (i Indicator) String() string {
	switch {
	case i.ID != Missing:
		return fmt.Sprintf("threatq.id %d", i.ID)
	case i.IndicatorID != Missing:
		return fmt.Sprintf("threatq.indicator_id %d", i.IndicatorID)
	}
	return "an indicator that can't be read"
}

// IndicatorOf returns the indicator that an event is of.
func IndicatorOf(event *beat.Event) Indicator {
	return Indicator{idOf(FieldOf(event, "id")), idOf(FieldOf(event, "indicator_id"))}
}

// idOf returns an id. The queue on disk gives numbers back in a type that they fit into.
func idOf(value any) int64 {
	switch id := value.(type) {
	case int64:
		return id
	case nil:
		return Missing
	}
	switch number := reflect.ValueOf(value); {
	case number.CanInt():
		return number.Int()
	case number.CanUint():
		return int64(number.Uint())
	}
	return Missing
}

// FieldOf returns a field of threatq.* of an event, nil for one that isn't there.
func FieldOf(event *beat.Event, name string) any {
	switch fields := event.Fields["threatq"].(type) {
	case mapstr.M:
		return fields[name]
	case map[string]any: // from the queue on disk
		return fields[name]
	case interface{ Field(name string) any }:
		return fields.Field(name)
	}
	return nil
}

// Compare returns the order of two indicators: by id, then by indicator_id.
func (i Indicator) Compare(other Indicator) int {
	return cmp.Or(cmp.Compare(i.ID, other.ID), cmp.Compare(i.IndicatorID, other.IndicatorID))
}

// Version is the updated_at of an indicator in Unix seconds, which is what ThreatQ
// counts in. A later version is a greater number.
type Version uint32

const (
	// Uncertain is the version of what may have been delivered or not: older than
	// any other.
	Uncertain Version = 0
	// Undated is the version of an indicator without updated_at.
	Undated Version = 1
	// latestVersion is the latest date that is told apart, in 2106.
	latestVersion Version = math.MaxUint32 - 1
	// Gone is the version of what was retired.
	Gone Version = math.MaxUint32
)

// VersionOf returns the version that an updated_at stands for.
func VersionOf(updatedAt time.Time) Version {
	if updatedAt.IsZero() {
		return Undated
	}
	return Version(min(max(updatedAt.Unix(), int64(Undated)+1), int64(latestVersion)))
}

// Entry is an indicator and a version of it.
type Entry struct {
	Indicator
	Version Version
}

func compareEntries(a, b Entry) int { return a.Compare(b.Indicator) }

// blockSize is the number of indicators of a block. A search decodes half a block
// on average.
const blockSize = 64

// Set is an immutable set of indicators and their versions, in the order of their
// ids. It takes some 7 bytes for an indicator: blocks of differences, each with its
// first indicator in an index.
type Set struct {
	data   []byte
	blocks []block
	count  int
	latest Version // the latest date of all
}

// block is where a block of the set begins. Only the last may be shorter than
// blockSize.
type block struct {
	first Indicator
	at    int
}

// Len returns the number of indicators.
func (s *Set) Len() int { return s.count }

// Find returns the place of an indicator, 0 to Len()-1, and its version.
func (s *Set) Find(i Indicator) (place int, version Version, ok bool) {
	at := sort.Search(len(s.blocks), func(n int) bool { return s.blocks[n].first.Compare(i) > 0 }) - 1
	if at < 0 {
		return 0, 0, false
	}
	d := s.decoder(at)
	for n := 0; n < blockSize && d.next(); n++ {
		if order := d.Compare(i); order == 0 {
			return at*blockSize + n, d.Version, true
		} else if order > 0 {
			break
		}
	}
	return 0, 0, false
}

// All yields the places and the entries in order.
func (s *Set) All() iter.Seq2[int, Entry] {
	return func(yield func(int, Entry) bool) {
		var d decoder
		for n := range s.count {
			if n%blockSize == 0 {
				d = s.decoder(n / blockSize)
			}
			if !d.next() || !yield(n, d.Entry) {
				return
			}
		}
	}
}

func (s *Set) decoder(block int) decoder { return decoder{data: s.data[s.blocks[block].at:]} }

// with returns the set with changes applied: of each indicator the last one
// counts, and one that is gone is taken out. It sorts changes.
func (s *Set) with(changes []Entry) *Set {
	slices.SortStableFunc(changes, compareEntries)
	b := builder{set: Set{
		data:   make([]byte, 0, len(s.data)+8*len(changes)),
		blocks: make([]block, 0, (s.count+len(changes))/blockSize+1),
	}}
	next := 0
	apply := func() {
		last := next
		for last+1 < len(changes) && changes[last+1].Indicator == changes[next].Indicator {
			last++
		}
		if changes[last].Version != Gone {
			b.add(changes[last])
		}
		next = last + 1
	}
	for _, r := range s.All() {
		for next < len(changes) && changes[next].Compare(r.Indicator) < 0 {
			apply()
		}
		if next < len(changes) && changes[next].Indicator == r.Indicator {
			apply()
			continue
		}
		b.add(r)
	}
	for next < len(changes) {
		apply()
	}
	if cap(b.set.data) > len(b.set.data)*17/16 {
		b.set.data = bytes.Clone(b.set.data)
	}
	return &b.set
}

// builder makes a set of entries in order.
type builder struct {
	set Set
	encoder
}

func (b *builder) add(r Entry) {
	if b.set.count%blockSize == 0 {
		b.set.blocks = append(b.set.blocks, block{r.Indicator, len(b.set.data)})
		b.encoder = encoder{}
	}
	b.set.data = b.append(b.set.data, r)
	b.set.count++
	b.set.latest = max(b.set.latest, dated(r.Version))
}

// dated is the version if it is a date, else 0.
func dated(v Version) Version {
	if v == Gone {
		return 0
	}
	return v
}

// readSet makes a set of the data of one.
func readSet(data []byte, count int) (*Set, error) {
	b := builder{set: Set{data: data, blocks: make([]block, 0, len(data)/(blockSize*(1+versionBytes)))}}
	s := &b.set
	d := decoder{data: data}
	previous := Indicator{Missing, Missing}
	for n := range count {
		at := len(data) - len(d.data)
		if n%blockSize == 0 {
			d = decoder{data: d.data}
		}
		if !d.next() {
			return nil, errors.New("it ends within an indicator")
		}
		if n > 0 && d.Compare(previous) <= 0 {
			return nil, errors.New("its indicators are not in order")
		}
		if n%blockSize == 0 {
			s.blocks = append(s.blocks, block{d.Indicator, at})
		}
		previous = d.Indicator
		s.latest = max(s.latest, dated(d.Version))
	}
	if len(d.data) > 0 {
		return nil, errors.New("it has more than its indicators")
	}
	s.count = count
	return s, nil
}

// An entry is written as a byte that says whether it has an indicator_id, the
// difference of its id to the id before, the indicator_id if there is one, and the
// version. indicator_id is written as its distance from id compared with that of the
// entry before: both often count alike.
const versionBytes = 4

type encoder struct {
	last   uint64 // id before
	offset uint64 // indicator_id less id before
}

func (e *encoder) append(b []byte, r Entry) []byte {
	id, has := uint64(r.ID), byte(1)
	if r.IndicatorID == Missing {
		has = 0
	}
	b = binary.AppendUvarint(append(b, has), id-e.last)
	e.last = id
	if has == 1 {
		offset := uint64(r.IndicatorID) - id
		b = binary.AppendVarint(b, int64(offset-e.offset))
		e.offset = offset
	}
	return binary.LittleEndian.AppendUint32(b, uint32(r.Version))
}

type decoder struct {
	encoder
	data []byte
	Entry
}

// next decodes an entry. It returns false when no whole one follows.
func (d *decoder) next() bool {
	if len(d.data) == 0 || d.data[0] > 1 {
		return false
	}
	has, b := d.data[0], d.data[1:]
	delta, n := binary.Uvarint(b)
	if n <= 0 {
		return false
	}
	d.last += delta
	d.ID, d.IndicatorID = int64(d.last), Missing
	b = b[n:]
	if has == 1 {
		distance, n := binary.Varint(b)
		if n <= 0 {
			return false
		}
		d.offset += uint64(distance)
		d.IndicatorID = int64(d.last + d.offset)
		b = b[n:]
	}
	if len(b) < versionBytes {
		return false
	}
	d.Version = Version(binary.LittleEndian.Uint32(b))
	d.data = b[versionBytes:]
	return true
}
