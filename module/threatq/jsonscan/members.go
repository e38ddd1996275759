// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package jsonscan

// Enter steps into the array or object that begins at the current position.
// After it, NextKey is called once before each member.
func (s *Scanner) Enter() error {
	s.depth++
	if s.depth > maxDepth {
		return ErrTooDeep
	}
	s.pos++
	return nil
}

// next moves to the next element or member of the array or object that ends
// with the byte closing, or past that byte, which it reports as false. The
// caller counts the elements: i is 0 at the first call.
func (s *Scanner) next(i int, closing byte) (bool, error) {
	c := s.Peek()
	between := i > 0
	for s.lenient && c == ',' {
		between = false
		s.pos++
		c = s.Peek()
	}
	if c == closing {
		s.pos++
		s.depth--
		return false, nil
	}
	if !between {
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

// NextKey moves to the next member of an object and reads its name, or past the
// object's end, which it reports as false. The caller counts the members: i is 0 at the
// first call.
func (s *Scanner) NextKey(i int) (name []byte, more bool, err error) {
	if more, err = s.next(i, '}'); err != nil || !more {
		return nil, false, err
	}
	name, err = s.key()
	return name, true, err
}

// Object reads the object at the current position. member is called with the name of
// each member, which is valid until it reads on, and reads the value.
func (s *Scanner) Object(member func(name []byte) error) error {
	if err := s.Enter(); err != nil {
		return err
	}
	for i := 0; ; i++ {
		name, more, err := s.NextKey(i)
		if err != nil || !more {
			return err
		}
		if err := member(name); err != nil {
			return err
		}
	}
}

// closing returns the bracket that closes an opening one, which stands two places on
// in ASCII.
func closing(opening byte) byte { return opening + 2 }

// Elements reads the array at the current position, or the object, whose names it
// passes over. element is called with the number of each element, and reads it.
func (s *Scanner) Elements(element func(i int) error) error {
	opening := s.Peek()
	if err := s.Enter(); err != nil {
		return err
	}
	for i := 0; ; i++ {
		more, err := s.next(i, closing(opening))
		if err != nil || !more {
			return err
		}
		if opening == '{' {
			if err := s.skipKey(); err != nil {
				return err
			}
		}
		if err := element(i); err != nil {
			return err
		}
	}
}

// key reads a member's name and the colon after it.
func (s *Scanner) key() ([]byte, error) {
	if s.Peek() != '"' {
		return nil, s.syntaxError("the name of a member in double quotes")
	}
	name, err := s.Text()
	if err != nil {
		return nil, err
	}
	return name, s.colon()
}

// skipKey moves past a member's name and the colon after it.
func (s *Scanner) skipKey() error {
	if s.Peek() != '"' {
		return s.syntaxError("the name of a member in double quotes")
	}
	if _, err := s.skipString(); err != nil {
		return err
	}
	return s.colon()
}

func (s *Scanner) colon() error {
	if s.Peek() != ':' {
		return s.syntaxError("a colon")
	}
	s.pos++
	return nil
}
