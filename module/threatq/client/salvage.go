// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
)

// maxDepth is how deep values may be nested in a damaged page; it is also
// jsontext's limit.
const maxDepth = 10_000

// salvage takes a damaged page apart by its brackets and quotes alone, and
// returns the elements that end, valid JSON or not. whole says that the page
// itself ends as well, so that nothing of it is missing.
func salvage(body []byte, elems [][]byte) (env envelope, whole bool) {
	s := salvager{body: body, pos: bomLength(body), env: envelope{total: -1, elems: elems[:0]}}
	whole = s.members(func(key, value string, at int) bool {
		switch key {
		case `"data"`:
			s.known = true
			return s.data(at)
		case `"nextCursorMark"`:
			s.known = true
			s.env.next, _ = markOf([]byte(value))
		case `"total"`:
			s.known = true
			s.env.total = totalOf([]byte(value))
		}
		return true
	})
	return s.env, whole && s.known
}

type salvager struct {
	body  []byte
	pos   int
	env   envelope
	known bool
}

// members calls f for each member of the object at pos, with its key and value
// as they are written and the value's position. It returns whether the object
// ends, and f was content with all of it.
func (s *salvager) members(f func(key, value string, at int) bool) bool {
	if s.peek() != '{' {
		return false
	}
	s.pos++
	for {
		switch s.peek() {
		case '}':
			s.pos++
			return true
		case ',':
			s.pos++
			continue
		case '"':
		default:
			return false
		}
		start := s.pos
		if !s.skip() {
			return false
		}
		key := string(s.body[start:min(s.pos, start+64)])
		if s.peek() != ':' {
			return false
		}
		s.pos++
		s.peek()
		at := s.pos
		if key == `"data"` {
			// Element by element, so that those before a break are found.
			if !f(key, "", at) {
				return false
			}
		} else {
			if !s.skip() {
				return false
			}
			if s.pos-at <= maxMark && !f(key, string(s.body[at:s.pos]), at) {
				return false
			}
		}
		if next := s.peek(); next != ',' && next != '}' {
			return false
		}
	}
}

// data collects the elements of the array, or the members of the object, at pos.
func (s *salvager) data(at int) bool {
	s.pos = at
	switch s.peek() {
	case '{':
		return s.members(func(_, _ string, at int) bool {
			return s.element(at, s.pos)
		})
	case '[':
		s.pos++
	default:
		return s.skip()
	}
	for {
		switch s.peek() {
		case ']':
			s.pos++
			return true
		case ',':
			s.pos++
			continue
		}
		at := s.pos
		if !s.skip() || !s.element(at, s.pos) {
			return false
		}
		if next := s.peek(); next != ',' && next != ']' {
			return false
		}
	}
}

func (s *salvager) element(start, end int) bool {
	if len(s.env.elems) == maxElements {
		return false
	}
	s.env.elems = append(s.env.elems, s.body[start:end:end])
	return true
}

// peek skips white space and returns the byte there, 0 at the end.
func (s *salvager) peek() byte {
	for ; s.pos < len(s.body); s.pos++ {
		switch c := s.body[s.pos]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// skip moves behind the value at pos, and returns false when it has no end.
func (s *salvager) skip() bool {
	switch c := s.peek(); c {
	case '"':
		return s.skipString()
	case '{', '[':
		return s.skipNested()
	case 0, '}', ']', ',', ':':
		return false
	}
	n := bytes.IndexAny(s.body[s.pos:], ",]}: \t\r\n\"[{")
	if n <= 0 {
		return false // a number that ends with the body may go on
	}
	s.pos += n
	return true
}

func (s *salvager) skipString() bool {
	for i := s.pos + 1; i < len(s.body); i++ {
		switch s.body[i] {
		case '\\':
			i++
		case '"':
			s.pos = i + 1
			return true
		}
	}
	return false
}

func (s *salvager) skipNested() bool {
	var open []byte
	for s.pos < len(s.body) {
		switch c := s.body[s.pos]; c {
		case '"':
			if !s.skipString() {
				return false
			}
			continue
		case '{', '[':
			if len(open) == maxDepth {
				return false
			}
			open = append(open, c+2) // the bracket that closes it
		case '}', ']':
			if open[len(open)-1] != c {
				return false
			}
			if open = open[:len(open)-1]; len(open) == 0 {
				s.pos++
				return true
			}
		}
		s.pos++
	}
	return false
}
