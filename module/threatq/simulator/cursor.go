// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
)

// StartMark is the mark that begins a collection.
const StartMark = "*"

// position is a place in the order of a collection: after the indicator with that updated_at (Unix seconds) and id.
type position struct {
	sec int64
	id  int64
}

var startPosition = position{math.MinInt64, 0}

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.sec, q.sec), cmp.Compare(p.id, q.id))
}

// marker writes and reads the marks of one collection. They carry a sum, so garbage and the marks of another
// collection are told from marks that were handed out, also by an earlier process with the same configuration.
type marker struct{ key uint64 }

func newMarker(collectionID string) marker {
	h := fnv.New64a()
	h.Write([]byte(collectionID))
	return marker{h.Sum64()}
}

// markPrefix begins every mark. In base64 it holds a plus and a slash, and the length makes it end in an equals sign:
// a client that doesn't encode the mark for the URL fails at its second page and not at its thousandth.
var markPrefix = [3]byte{0x02, 0x8f, 0xfe} // "Ao/+"

const markSize = len(markPrefix) + 2 + 8 + 8 + 4

// mark returns the mark of a position. Marks of the same position with different salts differ as strings only.
func (m marker) mark(p position, salt uint16) string {
	if p == startPosition && salt == 0 {
		return StartMark
	}
	raw := make([]byte, 0, markSize)
	raw = append(raw, markPrefix[:]...)
	raw = binary.BigEndian.AppendUint16(raw, salt)
	raw = binary.BigEndian.AppendUint64(raw, uint64(p.sec))
	raw = binary.BigEndian.AppendUint64(raw, uint64(p.id))
	raw = binary.BigEndian.AppendUint32(raw, m.sum(raw))
	return base64.StdEncoding.EncodeToString(raw)
}

// position reads a mark.
func (m marker) position(mark string) (position, error) {
	if mark == StartMark {
		return startPosition, nil
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(mark)
	if err != nil || len(raw) != markSize || [3]byte(raw[:3]) != markPrefix {
		return position{}, fmt.Errorf("unable to parse cursorMark %q: it must be * or a nextCursorMark of this collection", mark)
	}
	body, sum := raw[:markSize-4], binary.BigEndian.Uint32(raw[markSize-4:])
	if m.sum(body) != sum {
		return position{}, fmt.Errorf("unable to use cursorMark %q: it isn't a nextCursorMark of this collection", mark)
	}
	return position{int64(binary.BigEndian.Uint64(body[5:])), int64(binary.BigEndian.Uint64(body[13:]))}, nil
}

// salt returns the salt of a mark, 0 when it has none.
func (m marker) salt(mark string) uint16 {
	raw, err := base64.StdEncoding.DecodeString(mark)
	if err != nil || len(raw) != markSize {
		return 0
	}
	return binary.BigEndian.Uint16(raw[3:])
}

func (m marker) sum(b []byte) uint32 {
	h := m.key
	for _, c := range b {
		h = mix(h ^ uint64(c))
	}
	return uint32(h >> 32)
}
