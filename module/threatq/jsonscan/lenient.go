// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package jsonscan

import "bytes"

// maxOpen is how deep a damaged value may be nested for its end to be found.
const maxOpen = 1 << 20

// skim moves past the value at the current position, which begins with c, by its
// brackets and quotes.
func (s *Scanner) skim(c byte) error {
	switch c {
	case '"':
		return s.skimString()
	case '{', '[':
		return s.skimNested()
	case 0, '}', ']', ',', ':':
		return s.syntaxError("a value")
	}
	n := bytes.IndexAny(s.data[s.pos:], ",]}: \t\r\n\"[{")
	if n < 0 {
		return errTruncated // a number that ends with the text may go on
	}
	s.pos += n
	return nil
}

func (s *Scanner) skimString() error {
	for i := s.pos + 1; i < len(s.data); i++ {
		switch s.data[i] {
		case '\\':
			i++
		case '"':
			s.pos = i + 1
			return nil
		}
	}
	return errTruncated
}

func (s *Scanner) skimNested() error {
	var open []byte
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case '"':
			if err := s.skimString(); err != nil {
				return err
			}
			continue
		case '{', '[':
			if len(open) == maxOpen {
				return ErrTooDeep
			}
			open = append(open, closing(c))
		case '}', ']':
			if open[len(open)-1] != c {
				return s.syntaxError("the bracket that closes the value")
			}
			if open = open[:len(open)-1]; len(open) == 0 {
				s.pos++
				return nil
			}
		}
		s.pos++
	}
	return errTruncated
}
