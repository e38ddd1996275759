// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package jsonscan reads JSON without building anything of it: pages of a data
// collection and the indicators in them.
package jsonscan

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

const (
	// maxDepth bounds how deep arrays and objects may be nested. ThreatQ nests
	// four levels; the bound keeps the stack small whatever is sent.
	maxDepth = 512
	// maxScratch is how many bytes of scratch memory survive Reset.
	maxScratch = 64 << 10
)

var (
	// errTruncated says that the text ends before its value does.
	errTruncated = errors.New("the JSON text ends too early")
	// ErrTooDeep says that the text is nested deeper than maxDepth.
	ErrTooDeep = fmt.Errorf("the JSON text is nested more than %d levels deep", maxDepth)
)

// Scanner reads one JSON text from front to back and hands out what it is asked
// for. Every byte is checked against the grammar of RFC 8259, skipped values
// included. Two things are accepted beyond it, because refusing them would cost
// an indicator: duplicate keys, and strings that are not valid UTF-8.
//
// Why not a library: docs/performance.md has the figures. The string
// unescaping, which is the part that is easy to get wrong, is jsontext's.
type Scanner struct {
	data    []byte
	pos     int
	depth   int
	lenient bool // see ResetLenient
	// unquoted is where strings with escapes are decoded to. It is reused: a
	// string that Text returned is valid until the next call only.
	unquoted []byte
}

// Reset makes the scanner read data, from its start. Without data it keeps no
// reference to what it read.
func (s *Scanner) Reset(data []byte) {
	if cap(s.unquoted) > maxScratch {
		s.unquoted = nil
	}
	s.data, s.pos, s.depth, s.lenient = data, 0, 0, false
}

// ResetLenient makes the scanner read data that may be damaged: it finds the ends of
// values by brackets and quotes alone, permits a comma too many and anything behind
// the end, returns strings as they are written, and follows values of any depth.
func (s *Scanner) ResetLenient(data []byte) {
	s.Reset(data)
	s.lenient = true
}

// Pos returns the position in the text, in bytes; after an error, where it is.
func (s *Scanner) Pos() int { return s.pos }

// syntaxError says what is wrong at the current position.
func (s *Scanner) syntaxError(wanted string) error {
	if s.pos >= len(s.data) {
		return errTruncated
	}
	r, size := utf8.DecodeRune(s.data[s.pos:])
	if r == utf8.RuneError && size <= 1 {
		return fmt.Errorf("invalid JSON at byte %d: byte 0x%02x instead of %s", s.pos, s.data[s.pos], wanted)
	}
	return fmt.Errorf("invalid JSON at byte %d: %q instead of %s", s.pos, r, wanted)
}

// Peek skips white space and returns the byte after it, or 0 at the end.
func (s *Scanner) Peek() byte {
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

// End makes sure that nothing but white space follows.
func (s *Scanner) End() error {
	if s.Peek(); s.pos < len(s.data) && !s.lenient {
		return s.syntaxError("the end of the text")
	}
	return nil
}

// Text reads the string at the current position: decoded, valid UTF-8, and
// valid until the next call only.
func (s *Scanner) Text() ([]byte, error) {
	start := s.pos
	plain, err := s.skipString()
	if err != nil {
		return nil, err
	}
	quoted := s.data[start:s.pos]
	if plain || s.lenient || (bytes.IndexByte(quoted, '\\') < 0 && utf8.Valid(quoted)) {
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
func (s *Scanner) skipString() (plain bool, err error) {
	if s.lenient {
		return false, s.skimString()
	}
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
func (s *Scanner) number() ([]byte, error) {
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
func (s *Scanner) literal() error {
	for _, word := range [...]string{"null", "true", "false"} {
		if rest := s.data[s.pos:]; len(rest) >= len(word) && string(rest[:len(word)]) == word {
			s.pos += len(word)
			return nil
		}
	}
	return s.syntaxError("a value")
}

// Raw moves past the value at the current position and returns its bytes.
func (s *Scanner) Raw() ([]byte, error) { return s.RawBy(nil) }

// RawBy does the same, and has read move past the value if it isn't nil.
func (s *Scanner) RawBy(read func(*Scanner) error) ([]byte, error) {
	s.Peek()
	start := s.pos
	var err error
	if read == nil {
		err = s.Skip()
	} else {
		err = read(s)
	}
	return s.data[start:s.pos:s.pos], err
}

// TypeName names the JSON type of the value at the current position.
func (s *Scanner) TypeName() string {
	switch s.Peek() {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		return "a number"
	}
}

// Scalar reads a string, number or boolean as text, which is valid until the
// next call. ok is false for anything else, which isn't read yet.
func (s *Scanner) Scalar() (text []byte, ok bool, err error) {
	switch c := s.Peek(); {
	case c == '"':
		text, err = s.Text()
		return text, true, err
	case c == '-' || isDigit(c):
		text, err = s.number()
		return text, true, err
	case c == 't' || c == 'f':
		start := s.pos
		err = s.literal()
		return s.data[start:s.pos], true, err
	}
	return nil, false, nil
}

// Skip moves past the value at the current position, whatever it is.
func (s *Scanner) Skip() error {
	c := s.Peek()
	if s.lenient {
		return s.skim(c)
	}
	switch c {
	case '"':
		_, err := s.skipString()
		return err
	case '{', '[':
		if err := s.Enter(); err != nil {
			return err
		}
		for i := 0; ; i++ {
			more, err := s.next(i, closing(c))
			if err != nil || !more {
				return err
			}
			if c == '{' {
				if err = s.skipKey(); err != nil {
					return err
				}
			}
			if err = s.Skip(); err != nil {
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
