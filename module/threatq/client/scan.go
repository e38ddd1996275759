// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// maxElements bounds the indicators of one page, whatever was asked for: an
	// answer full of commas would otherwise cost many times its size.
	maxElements = 1 << 20
	// maxMark bounds a cursor mark: it is sent in an address, and saved.
	maxMark = 16 << 10
)

// envelope is what a page holds around and as its indicators.
type envelope struct {
	total int64 // -1: unknown
	next  string
	elems [][]byte
}

// syntaxError says where a body stops to be JSON.
type syntaxError struct {
	offset int64
	deep   bool // valid so far, but nested too deep to go on
}

func (e *syntaxError) Error() string { return fmt.Sprintf("not valid JSON from byte %d on", e.offset) }

var errNoPage = errors.New("the answer is JSON, but not a page of indicators")

// decoderOptions: duplicate names and invalid UTF-8 are the business of whoever
// reads an indicator, and no reason to fetch its page again.
var decoderOptions = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

var decoders = sync.Pool{New: func() any { return new(jsontext.Decoder) }}

// scan takes a page apart. It is strict about JSON, so that damage on the way
// is noticed, and tolerant about the envelope: keys may be missing, unknown,
// repeated, in any order. The elements point into body and are appended to
// elems[:0].
func scan(body []byte, elems [][]byte) (envelope, error) {
	dec := decoders.Get().(*jsontext.Decoder)
	defer func() {
		dec.Reset(eof{}) // lets go of the body
		decoders.Put(dec)
	}()
	// Only a bytes.Buffer is read without a copy.
	dec.Reset(bytes.NewBuffer(body[bomLength(body):]), decoderOptions...)
	s := scanner{dec: dec, body: body[bomLength(body):], env: envelope{total: -1, elems: elems[:0]}}
	if err := s.page(); err != nil {
		return envelope{total: -1, elems: s.env.elems[:0]}, err
	}
	return s.env, nil
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

func bomLength(body []byte) int {
	if bytes.HasPrefix(body, []byte("\ufeff")) {
		return len("\ufeff")
	}
	return 0
}

type scanner struct {
	dec   *jsontext.Decoder
	body  []byte
	env   envelope
	known bool // a key of a page has been seen
}

func (s *scanner) page() error {
	if kind := s.dec.PeekKind(); kind != '{' {
		if _, err := s.dec.ReadValue(); err != nil {
			return s.syntax(err)
		}
		return errNoPage
	}
	if _, err := s.dec.ReadToken(); err != nil {
		return s.syntax(err)
	}
	for s.dec.PeekKind() != '}' {
		name, err := s.dec.ReadToken()
		if err != nil {
			return s.syntax(err)
		}
		switch name.String() {
		case "data":
			err = s.data()
		case "nextCursorMark":
			err = s.next()
		case "total":
			err = s.total()
		default:
			_, err = s.dec.ReadValue()
			err = s.syntax(err)
		}
		if err != nil {
			return err
		}
	}
	if _, err := s.dec.ReadToken(); err != nil {
		return s.syntax(err)
	}
	end := s.dec.InputOffset()
	if _, err := s.dec.ReadToken(); err != io.EOF {
		return &syntaxError{offset: end}
	}
	if !s.known {
		return errNoPage
	}
	return nil
}

// data reads the indicators: an array, or an object with one per key, as PHP
// writes an array that has gaps.
func (s *scanner) data() error {
	kind := s.dec.PeekKind()
	switch kind {
	case '[', '{':
		s.known = true
	default:
		if _, err := s.dec.ReadValue(); err != nil {
			return s.syntax(err)
		}
		if kind != 'n' {
			return errors.New(`the answer is JSON, but its "data" is no list of indicators`)
		}
		s.known = true
		return nil
	}
	if _, err := s.dec.ReadToken(); err != nil {
		return s.syntax(err)
	}
	end := kind + 2 // ] follows [ and } follows { two places on
	for s.dec.PeekKind() != end {
		if kind == '{' {
			if _, err := s.dec.ReadToken(); err != nil {
				return s.syntax(err)
			}
		}
		value, err := s.dec.ReadValue()
		if err != nil {
			return s.syntax(err)
		}
		if len(s.env.elems) == maxElements {
			return errTooMany
		}
		stop := s.dec.InputOffset()
		start := stop - int64(len(value))
		s.env.elems = append(s.env.elems, s.body[start:stop:stop])
	}
	_, err := s.dec.ReadToken()
	return s.syntax(err)
}

var errTooMany = fmt.Errorf("the answer holds more than %d indicators", maxElements)

func (s *scanner) next() error {
	value, err := s.dec.ReadValue()
	if err != nil {
		return s.syntax(err)
	}
	s.known = true
	s.env.next, err = markOf(value)
	return err
}

// markOf reads a cursor mark; a number is taken as it is written.
func markOf(value jsontext.Value) (string, error) {
	if len(value) > maxMark {
		return "", fmt.Errorf("the answer's nextCursorMark is longer than %d bytes", maxMark)
	}
	switch value.Kind() {
	case '"':
		text, err := jsontext.AppendUnquote(nil, value)
		if err != nil && !strings.ContainsRune(string(text), '\ufffd') {
			return "", fmt.Errorf("the answer's nextCursorMark can't be read")
		}
		return string(text), nil
	case '0':
		return string(value), nil
	}
	return "", nil
}

func (s *scanner) total() error {
	value, err := s.dec.ReadValue()
	if err != nil {
		return s.syntax(err)
	}
	s.known = true
	s.env.total = totalOf(value)
	return nil
}

// totalOf reads a number of indicators, also from a string.
func totalOf(value jsontext.Value) int64 {
	text := strings.TrimSpace(strings.Trim(string(value[:min(len(value), 64)]), `"`))
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 {
		return n
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && f >= 0 && f < 1<<53 {
		return int64(f)
	}
	return -1
}

// syntax turns an error of the decoder into one that holds nothing of the body.
func (s *scanner) syntax(err error) error {
	if err == nil {
		return nil
	}
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		return &syntaxError{syntactic.ByteOffset, strings.Contains(err.Error(), "exceeded max depth")}
	}
	return &syntaxError{offset: s.dec.InputOffset()}
}

// valid reports whether raw is one JSON value, as scan would accept it.
func valid(raw []byte) bool {
	return jsontext.Value(raw).IsValid(decoderOptions...)
}
