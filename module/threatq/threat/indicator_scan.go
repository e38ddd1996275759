// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth bounds how deep arrays and objects may be nested in an indicator.
// ThreatQ nests four levels; the bound keeps the stack small when an
// appliance lies.
const maxDepth = 512

var (
	errTruncated = errors.New("the JSON text ends too early")
	errTooDeep   = fmt.Errorf("the JSON text is nested more than %d levels deep", maxDepth)
)

// scanner reads one JSON text from front to back and hands out what the
// decoder asks for, without building anything for what it doesn't. Every byte
// is checked against the grammar of RFC 8259, skipped values included. Two
// things are tolerated beyond it, because an indicator is worth more than its
// purity: duplicate keys, and strings that are no valid UTF-8.
//
// Why not a library: docs/performance.md has the figures. The string
// unescaping, which is the part that is easy to get wrong, is jsontext's.
type scanner struct {
	data  []byte
	pos   int
	depth int
	// unquoted is where strings with escapes are decoded to. It is reused: a
	// string that text returned is valid until the next call only.
	unquoted []byte
}

func (s *scanner) reset(data []byte) {
	if cap(s.unquoted) > maxKeptScratch {
		s.unquoted = nil
	}
	s.data, s.pos, s.depth = data, 0, 0
}

// forget lets go of the text.
func (s *scanner) forget() { s.data = nil }

// syntaxError says what is wrong at the current position.
func (s *scanner) syntaxError(wanted string) error {
	if s.pos >= len(s.data) {
		return errTruncated
	}
	r, size := utf8.DecodeRune(s.data[s.pos:])
	if r == utf8.RuneError && size <= 1 {
		return fmt.Errorf("invalid JSON at byte %d: byte 0x%02x instead of %s", s.pos, s.data[s.pos], wanted)
	}
	return fmt.Errorf("invalid JSON at byte %d: %q instead of %s", s.pos, r, wanted)
}

// peek skips white space and returns the byte after it, or 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// end makes sure that nothing but white space follows.
func (s *scanner) end() error {
	if s.peek(); s.pos < len(s.data) {
		return s.syntaxError("the end of the text")
	}
	return nil
}

// enter steps into the array or object that begins at the current position.
// After it, next is called once before each element or member.
func (s *scanner) enter() error {
	s.depth++
	if s.depth > maxDepth {
		return errTooDeep
	}
	s.pos++
	return nil
}

// next moves to the next element or member of the array or object that ends
// with the byte closing, or past that byte, which it reports as false. The
// caller counts the elements: i is 0 at the first call.
func (s *scanner) next(i int, closing byte) (bool, error) {
	c := s.peek()
	if c == closing {
		s.pos++
		s.depth--
		return false, nil
	}
	if i == 0 {
		return true, nil
	}
	if c != ',' {
		if closing == '}' {
			return false, s.syntaxError("a comma or the end of the object")
		}
		return false, s.syntaxError("a comma or the end of the array")
	}
	s.pos++
	return true, nil
}

// nextKey moves to the next member of an object and reads its name, or past the
// object's end, which it reports as false. i is that of next.
func (s *scanner) nextKey(i int) (name []byte, more bool, err error) {
	if more, err = s.next(i, '}'); err != nil || !more {
		return nil, false, err
	}
	name, err = s.key()
	return name, true, err
}

// key reads a member's name and the colon after it.
func (s *scanner) key() ([]byte, error) {
	if s.peek() != '"' {
		return nil, s.syntaxError("the name of a member in double quotes")
	}
	name, err := s.text()
	if err != nil {
		return nil, err
	}
	if s.pos < len(s.data) && s.data[s.pos] == ':' {
		s.pos++
		return name, nil
	}
	if s.peek() != ':' {
		return nil, s.syntaxError("a colon")
	}
	s.pos++
	return name, nil
}

// text reads the string at the current position: decoded, valid UTF-8, and
// valid until the next call only.
func (s *scanner) text() ([]byte, error) {
	start := s.pos
	plain, err := s.skipString()
	if err != nil {
		return nil, err
	}
	quoted := s.data[start:s.pos]
	if plain || (bytes.IndexByte(quoted, '\\') < 0 && utf8.Valid(quoted)) {
		return quoted[1 : len(quoted)-1], nil
	}
	// The one error left after skipString is invalid UTF-8, which AppendUnquote
	// has replaced by the time that it reports it.
	s.unquoted, _ = jsontext.AppendUnquote(slices.Grow(s.unquoted[:0], len(quoted)), quoted)
	return s.unquoted, nil
}

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// skipString moves past the string at the current position. It is plain when
// its bytes between the quotes are printable ASCII without escapes.
func (s *scanner) skipString() (plain bool, err error) {
	data, i := s.data, s.pos+1
	plain = true
	for {
		// Eight bytes at a time: the high bit of each byte of special is set
		// for a byte that is a quote, a backslash, a control character or not
		// ASCII. A borrow may set it for a byte above such a one as well, but
		// never for one below, and only the lowest counts.
		for i+8 <= len(data) {
			w := binary.LittleEndian.Uint64(data[i:])
			quote := w ^ lowBits*'"'
			backslash := w ^ lowBits*'\\'
			special := ((quote - lowBits) | (backslash - lowBits) | (w - lowBits*' ') | w) & highBits
			if special != 0 {
				i += bits.TrailingZeros64(special) / 8
				break
			}
			i += 8
		}
		if i >= len(data) {
			s.pos = len(data)
			return false, errTruncated
		}
		switch c := data[i]; {
		case c == '"':
			s.pos = i + 1
			return plain, nil
		case c == '\\':
			plain = false
			n := escapeLen(data[i:])
			if n == 0 {
				s.pos = i
				if i+1 >= len(data) {
					s.pos = len(data)
				}
				return false, s.syntaxError("an escape sequence that JSON knows")
			}
			i += n
		case c < ' ':
			s.pos = i
			return false, s.syntaxError("an escaped control character")
		default:
			if c >= utf8.RuneSelf {
				plain = false
			}
			i++
		}
	}
}

// escapeLen returns the length of the escape sequence that b begins with, or 0
// when it is none. Whether surrogates come in pairs isn't checked: a lone one
// is replaced when the string is decoded.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) < 6 {
			return 0
		}
		for _, c := range b[2:6] {
			if !isHex(c) {
				return 0
			}
		}
		return 6
	}
	return 0
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// number reads the number at the current position and returns its text.
func (s *scanner) number() ([]byte, error) {
	data, start, i := s.data, s.pos, s.pos
	digits := func() bool {
		from := i
		for i < len(data) && isDigit(data[i]) {
			i++
		}
		return i > from
	}
	if i < len(data) && data[i] == '-' {
		i++
	}
	valid := true
	if i < len(data) && data[i] == '0' {
		i++
	} else {
		valid = digits()
	}
	if valid && i < len(data) && data[i] == '.' {
		i++
		valid = digits()
	}
	if valid && i < len(data) && (data[i] == 'e' || data[i] == 'E') {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		valid = digits()
	}
	s.pos = i
	if !valid {
		return nil, s.syntaxError("a digit")
	}
	return data[start:i], nil
}

// literal moves past true, false or null.
func (s *scanner) literal() error {
	for _, word := range [...]string{"null", "true", "false"} {
		if rest := s.data[s.pos:]; len(rest) >= len(word) && string(rest[:len(word)]) == word {
			s.pos += len(word)
			return nil
		}
	}
	return s.syntaxError("a value")
}

// skip moves past the value at the current position, whatever it is.
func (s *scanner) skip() error {
	switch c := s.peek(); c {
	case '"':
		_, err := s.skipString()
		return err
	case '{':
		if err := s.enter(); err != nil {
			return err
		}
		for i := 0; ; i++ {
			more, err := s.next(i, '}')
			if err != nil || !more {
				return err
			}
			if _, err = s.key(); err != nil {
				return err
			}
			if err = s.skip(); err != nil {
				return err
			}
		}
	case '[':
		if err := s.enter(); err != nil {
			return err
		}
		for i := 0; ; i++ {
			more, err := s.next(i, ']')
			if err != nil || !more {
				return err
			}
			if err = s.skip(); err != nil {
				return err
			}
		}
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		_, err := s.number()
		return err
	case 't', 'f', 'n':
		return s.literal()
	default:
		return s.syntaxError("a value")
	}
}
