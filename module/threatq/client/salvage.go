// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
)

// maxDepth is how deep an indicator may be nested for its end to be found.
// scan, that is jsontext, gives up at 10,000.
const maxDepth = 1 << 20

// salvage takes a damaged page apart by its brackets and quotes alone, and
// returns the elements that end, valid JSON or not. whole says that the page
// itself ends as well, so that nothing of it is missing.
func salvage(body []byte, elems [][]byte) (env envelope, whole bool) {
	s := salvager{body: body, pos: bomLength(body), env: envelope{total: -1, elems: elems[:0]}}
	whole = s.members(s.member)
	return s.env, whole && s.known
}

type salvager struct {
	body  []byte
	pos   int
	env   envelope
	known bool
}

// member reads a member of the page itself.
func (s *salvager) member(key string) bool {
	start := s.pos
	if key == `"data"` {
		s.known = true
		return s.data()
	}
	if !s.skip() {
		return false
	}
	// Anything longer is neither a mark nor a number.
	value := s.body[start:min(s.pos, start+maxMark)]
	switch key {
	case `"nextCursorMark"`:
		s.known = true
		s.env.next, _ = markOf(value)
	case `"total"`:
		s.known = true
		s.env.total = totalOf(value)
	}
	return true
}

// members calls f for each member of the object at pos, with its key as it is
// written; f moves behind the value. It returns whether the object ends, and f
// was content with all of it.
func (s *salvager) members(f func(key string) bool) bool {
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
		if !f(key) {
			return false
		}
		if next := s.peek(); next != ',' && next != '}' {
			return false
		}
	}
}

// data collects the elements of the array, or the members of the object, at pos.
func (s *salvager) data() bool {
	switch s.peek() {
	case '{':
		return s.members(func(string) bool { return s.element() })
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
		if !s.element() {
			return false
		}
		if next := s.peek(); next != ',' && next != ']' {
			return false
		}
	}
}

// element takes the value at pos as an indicator.
func (s *salvager) element() bool {
	start := s.pos
	if !s.skip() || len(s.env.elems) == maxElements {
		return false
	}
	s.env.elems = append(s.env.elems, s.body[start:s.pos:s.pos])
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
