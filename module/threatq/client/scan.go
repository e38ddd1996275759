// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/threatqbeat/threatqbeat/module/threatq/jsonscan"
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
	total  int64 // -1: unknown
	next   string
	elems  [][]byte
	listed bool // "data" is a list, which may be empty
	failed bool // there is an "error" or "errors" that says something
	known  bool // there is a key of a page
}

// syntaxError says where a body stops to be JSON.
type syntaxError struct {
	offset int
	deep   bool // valid so far, but nested too deep to go on
}

func (e *syntaxError) Error() string { return fmt.Sprintf("not valid JSON from byte %d on", e.offset) }

// pageError says what is wrong with an answer that is JSON.
type pageError string

func (e pageError) Error() string { return string(e) }

const (
	errNoPage = pageError("the answer is JSON, but not a page of indicators")
	errNoList = pageError(`the answer is JSON, but its "data" is no list of indicators`)
)

var (
	errTooMany = pageError(fmt.Sprintf("the answer holds more than %d indicators", maxElements))
	errMark    = pageError(fmt.Sprintf("the answer's nextCursorMark can't be read, or is longer than %d bytes", maxMark))
)

// scan finds the parts of a page. It is strict about JSON, so that damage on the way
// is noticed, and tolerant about the envelope: keys may be missing, unknown,
// repeated, in any order. The elements point into body and are appended to
// elems[:0]; the reader, unless it is nil, reads them.
func scan(reader Reader, body []byte, elems [][]byte) (envelope, error) {
	s := scanner{reader: reader}
	s.Reset(body[bomLength(body):])
	env, err := s.read(elems)
	if err != nil {
		return envelope{total: -1, elems: env.elems[:0]}, err
	}
	return env, nil
}

// scanDamaged finds the parts of a damaged page by its brackets and quotes alone, and
// returns the elements that end, valid JSON or not. whole says that the page
// itself ends as well, so that nothing of it is missing.
func scanDamaged(body []byte, elems [][]byte) (env envelope, whole bool) {
	var s scanner
	s.ResetLenient(body[bomLength(body):])
	env, err := s.read(elems)
	return env, err == nil
}

func bomLength(body []byte) int {
	if bytes.HasPrefix(body, []byte("\ufeff")) {
		return len("\ufeff")
	}
	return 0
}

type scanner struct {
	jsonscan.Scanner
	reader Reader
	env    envelope
}

// read reads the page. With an error comes what was found before.
func (s *scanner) read(elems [][]byte) (envelope, error) {
	s.env = envelope{total: -1, elems: elems[:0]}
	if s.reader != nil {
		s.reader.Begin()
	}
	err := s.page()
	if err == nil && !s.env.known {
		err = errNoPage
	}
	if wrong := pageError(""); err == nil || errors.As(err, &wrong) {
		return s.env, err
	}
	return s.env, &syntaxError{s.Pos(), errors.Is(err, jsonscan.ErrTooDeep)}
}

func (s *scanner) page() error {
	if s.Peek() != '{' {
		if err := s.Skip(); err != nil {
			return err
		}
		return errNoPage
	}
	if err := s.Object(s.member); err != nil {
		return err
	}
	return s.End()
}

func (s *scanner) member(key []byte) (err error) {
	var value []byte
	switch string(key) {
	case "data":
		s.env.known = true
		return s.data()
	case "nextCursorMark":
		s.env.known = true
		if value, err = s.Raw(); err == nil {
			s.env.next, err = markOf(value)
		}
		return err
	case "total":
		s.env.known = true
		if value, err = s.Raw(); err == nil {
			s.env.total = totalOf(value)
		}
		return err
	case "error", "errors":
		if value, err = s.Raw(); err == nil && !slices.Contains(noErrors, string(value)) {
			s.env.failed = true
		}
		return err
	}
	return s.Skip()
}

// noErrors are the values that say that there is no error.
var noErrors = []string{"null", "false", "0", `""`, "[]", "{}"}

// data reads the indicators: an array, or an object with one per key, as PHP
// writes an array that has gaps. A null is none.
func (s *scanner) data() error {
	switch s.Peek() {
	case '[', '{':
	case 'n':
		return s.Skip()
	default:
		if err := s.Skip(); err != nil {
			return err
		}
		return errNoList
	}
	s.env.listed = true
	var read func(*jsonscan.Scanner) error
	if s.reader != nil {
		read = s.reader.Read
	}
	return s.Elements(func(int) error {
		if len(s.env.elems) == maxElements {
			return errTooMany
		}
		value, err := s.RawBy(read)
		if err != nil {
			return err
		}
		s.env.elems = append(s.env.elems, value)
		return nil
	})
}

// markOf reads a cursor mark; a number is taken as it is written.
func markOf(value []byte) (string, error) {
	if len(value) > maxMark {
		return "", errMark
	}
	switch jsontext.Value(value).Kind() {
	case '"':
		text, err := jsontext.AppendUnquote(nil, value)
		if err != nil && !strings.ContainsRune(string(text), '\ufffd') {
			return "", errMark
		}
		return string(text), nil
	case '0':
		return string(value), nil
	}
	return "", nil
}

// totalOf reads a number of indicators, also from a string.
func totalOf(value []byte) int64 {
	text := strings.TrimSpace(strings.Trim(string(value[:min(len(value), 64)]), `"`))
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 {
		return n
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && f >= 0 && f < 1<<53 {
		return int64(f)
	}
	return -1
}

// valid reports whether raw is one JSON value, as scan would accept it.
func valid(raw []byte) bool {
	var s jsonscan.Scanner
	s.Reset(raw)
	return s.Skip() == nil && s.End() == nil
}
