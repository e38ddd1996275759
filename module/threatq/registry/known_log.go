// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// A record of the log is its length, a checksum, a type and its contents.
const (
	recordHead = 4 + 4 // length and checksum of type and contents

	// recordSent: a session is about to publish these entries.
	recordSent = 'S'
	// recordAcked: so many entries of a session have been acknowledged, but for
	// those at these places, which were refused.
	recordAcked = 'A'
	// recordChanged: these entries are as given, whatever was sent.
	recordChanged = 'C'
	// recordOpened: a process began; what was sent before is uncertain unless it
	// was acknowledged.
	recordOpened = 'O'
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendRecord(b []byte, typ byte, contents []byte) []byte {
	start := len(b)
	b = append(b, make([]byte, recordHead)...)
	b = append(append(b, typ), contents...)
	body := b[start+recordHead:]
	binary.LittleEndian.PutUint32(b[start:], uint32(len(body)))
	binary.LittleEndian.PutUint32(b[start+4:], crc32.Checksum(body, castagnoli))
	return b
}

func appendEntries(b []byte, entries []Entry) []byte {
	var e encoder
	for _, entry := range entries {
		b = e.append(b, entry)
	}
	return b
}

func appendSent(b []byte, session uint64, entries []Entry) []byte {
	return appendRecord(b, recordSent, appendEntries(binary.AppendUvarint(nil, session), entries))
}

func appendChanged(b []byte, entries []Entry) []byte {
	return appendRecord(b, recordChanged, appendEntries(nil, entries))
}

func appendAcked(b []byte, session uint64, count int, refused []int) []byte {
	contents := binary.AppendUvarint(nil, session)
	contents = binary.AppendUvarint(contents, uint64(count))
	for _, place := range refused {
		contents = binary.AppendUvarint(contents, uint64(place))
	}
	return appendRecord(b, recordAcked, contents)
}

func appendOpened(b []byte) []byte { return appendRecord(b, recordOpened, nil) }

// replay makes changes of the records of a log.
type replay struct {
	changes []Entry
	entries int // in the log
	sent    map[uint64][]Entry
}

// run reads records and returns how many bytes of them are whole. A record that
// the end cuts short is one that was being written, and no damage.
func (r *replay) run(raw []byte) (whole int, err error) {
	r.sent = map[uint64][]Entry{}
	for rest := raw; len(rest) > 0; {
		if len(rest) < recordHead {
			break
		}
		length := int(binary.LittleEndian.Uint32(rest))
		if length > len(rest)-recordHead {
			break
		}
		body := rest[recordHead : recordHead+length]
		if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(rest[4:]) || length == 0 {
			if allZero(rest[recordHead+length:]) { // the last one, which a power loss cut short
				break
			}
			return whole, damaged("a checksum is wrong at byte %d", logHeader+whole)
		}
		if !r.record(body[0], body[1:]) {
			return whole, damaged("a record can't be read at byte %d", logHeader+whole)
		}
		rest = rest[recordHead+length:]
		whole = len(raw) - len(rest)
	}
	r.opened()
	return whole, nil
}

func allZero(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 })
}

func (r *replay) record(typ byte, body []byte) bool {
	switch typ {
	case recordOpened:
		r.opened()
		return true
	case recordChanged:
		entries, ok := readEntries(body)
		r.changes = append(r.changes, entries...)
		r.entries += len(entries)
		return ok
	}
	rest := bytes.NewReader(body)
	session, err := binary.ReadUvarint(rest)
	if err != nil {
		return false
	}
	queue := r.sent[session]
	switch typ {
	case recordSent:
		entries, ok := readEntries(body[len(body)-rest.Len():])
		r.sent[session] = append(queue, entries...)
		r.entries += len(entries)
		return ok
	case recordAcked:
		count, err := binary.ReadUvarint(rest)
		if err != nil || count > uint64(len(queue)) {
			return false
		}
		done := queue[:count]
		r.sent[session] = queue[count:]
		place := 0
		for rest.Len() > 0 {
			refused, err := binary.ReadUvarint(rest)
			if err != nil || refused >= count || int(refused) < place {
				return false
			}
			r.changes = append(r.changes, done[place:refused]...)
			place = int(refused) + 1
		}
		r.changes = append(r.changes, done[min(place, len(done)):]...)
		return true
	}
	return false
}

// opened makes uncertain what was sent and not acknowledged.
func (r *replay) opened() {
	for _, queue := range r.sent {
		for _, entry := range queue {
			r.changes = append(r.changes, Entry{entry.Indicator, Uncertain})
		}
	}
	clear(r.sent)
}

func readEntries(body []byte) (entries []Entry, ok bool) {
	d := decoder{data: body}
	for len(d.data) > 0 {
		if !d.next() {
			return nil, false
		}
		entries = append(entries, d.Entry)
	}
	return entries, true
}
