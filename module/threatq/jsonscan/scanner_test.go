// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package jsonscan

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// jsonTexts are texts on and beyond the edges of JSON's grammar.
var jsonTexts = []string{
	`{}`, `[]`, `null`, `true`, `false`, `0`, `-0`, `1`, `-1`, `1.5`, `1e5`, `1E+5`, `1e-5`, `0.0e0`, `""`, `"a"`,
	` { "a" : [ 1 , 2 , { } ] , "b" : null } `, "\t\n\r{}\t\n\r", `{"a":1,"a":2}`, `[[[[]]]]`,
	`"\"\\\/\b\f\n\r\t"`, `"\u00e9"`, `"\uD83D\uDE00"`, `"\uD83D"`, `"\uDE00"`, `"\uD83Dx"`, `"é☃😀"`, "\"\xff\"", "\"\xe9\xff\x00\"", "\"\x7f\"",
	`"0123456789abcdef"`, `"0123456\"89abcdef"`, `"01234567\u0041"`, `"012345678901234é"`,
	``, ` `, `{`, `}`, `[`, `]`, `{]`, `[}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,"a":1}`, `{"a" 1}`, `{a:1}`, `{'a':1}`, `{"a":1 "b":2}`, `[1,]`, `[,1]`, `[1 2]`, `[1,,2]`,
	`nul`, `nulll`, `truee`, `tru`, `True`, `NaN`, `Infinity`, `undefined`,
	`-`, `+1`, `01`, `-01`, `1.`, `.5`, `1e`, `1e+`, `1.e5`, `0x10`, `1_000`, `--1`, `1-`,
	`"`, `"a`, `"\`, `"\"`, `"\x"`, `"\u"`, `"\u12"`, `"\u12g4"`, `"\u 123"`, "\"\n\"", "\"\x00\"", "\"\x1f\"", "\"0123456789\x1f\"",
	`{} {}`, `{}x`, `1 1`, `{}` + "\x00", "\ufeff{}", `/* */{}`, `{}//`,
	`{"a":"b"`, `{"a":"b`, `["a`, `{"a":tru`, `{"a":1e`, `{"a":-`,
}

// validJSON is what the scanner has to agree with.
func validJSON(text []byte) bool {
	return jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

func skipAll(text []byte) error {
	var s Scanner
	s.Reset(text)
	if err := s.Skip(); err != nil {
		return err
	}
	return s.End()
}

func TestScannerKnowsTheGrammar(t *testing.T) {
	for _, text := range jsonTexts {
		err := skipAll([]byte(text))
		assert.Equal(t, validJSON([]byte(text)), err == nil, "%q: %v", text, err)
	}
}

// TestScannerAtEveryPosition cuts a text short and damages it everywhere.
func TestScannerAtEveryPosition(t *testing.T) {
	text := []byte(`{"id":-12.5e3,"empty":[{},[],""],"text":"plain text beyond eight bytes","escapes":"a\\\"\u00e9é","words":[true,false,null], "end" : 0}`)
	require.NoError(t, skipAll(text))
	for i := range text {
		require.Error(t, skipAll(text[:i]), "cut at %d", i)
		for _, c := range []byte("\x00\"\\{}[]:,0e-. \xff") {
			damaged := append([]byte(nil), text...)
			damaged[i] = c
			require.Equal(t, validJSON(damaged), skipAll(damaged) == nil, "%q at %d", c, i)
		}
	}
}

func TestScannerText(t *testing.T) {
	for _, tc := range []struct{ json, want string }{
		{`""`, ""},
		{`"plain"`, "plain"},
		{`"a\"b\\c\/d\b\f\n\r\te"`, "a\"b\\c/d\b\f\n\r\te"},
		{`"\u00e9\u2603"`, "é☃"},
		{`"\uD83D\uDE00"`, "😀"},
		{`"\uD83D"`, "\uFFFD"},
		{`"\uDE00x"`, "\uFFFDx"},
		{`"é"`, "é"},
		{"\"a\xffb\"", "a\uFFFDb"},
		{"\"\\n\xff\"", "\n\uFFFD"},
		{"\"\xed\xa0\x80\"", "\uFFFD\uFFFD\uFFFD"},
		{`"\u0000"`, "\x00"},
	} {
		var s Scanner
		s.Reset([]byte(tc.json))
		got, err := s.Text()
		require.NoError(t, err)
		assert.Equal(t, tc.want, string(got))
		require.NoError(t, s.End())
	}
}

func TestScannerErrors(t *testing.T) {
	for _, tc := range []struct{ json, want string }{
		{``, "the JSON text ends too early"},
		{`{"a":"b`, "the JSON text ends too early"},
		{`<html>`, `invalid JSON at byte 0: '<' instead of a value`},
		{`{"a":1 "b":2}`, `invalid JSON at byte 7: '"' instead of a comma or the end of the object`},
		{`[1 2]`, `invalid JSON at byte 3: '2' instead of a comma or the end of the array`},
		{`{a:1}`, `invalid JSON at byte 1: 'a' instead of the name of a member in double quotes`},
		{`{"a" 1}`, `invalid JSON at byte 5: '1' instead of a colon`},
		{"{\"a\xff\":\xff}", `invalid JSON at byte 6: byte 0xff instead of a value`},
		{"\"a\nb\"", `invalid JSON at byte 2: '\n' instead of an escaped control character`},
		{`"\x41"`, `invalid JSON at byte 1: '\\' instead of an escape sequence that JSON knows`},
		{`{} {}`, `invalid JSON at byte 3: '{' instead of the end of the text`},
		{`-x`, `invalid JSON at byte 1: 'x' instead of a digit`},
	} {
		assert.EqualError(t, skipAll([]byte(tc.json)), tc.want, "%q", tc.json)
	}
}

func TestScannerDepth(t *testing.T) {
	for _, pair := range []struct{ open, closing string }{{"[", "]"}, {`{"a":`, "}"}} {
		deep := func(n int) []byte {
			return []byte(strings.Repeat(pair.open, n) + "1" + strings.Repeat(pair.closing, n))
		}
		require.NoError(t, skipAll(deep(maxDepth)))
		require.ErrorIs(t, skipAll(deep(maxDepth+1)), ErrTooDeep)
		require.ErrorIs(t, skipAll([]byte(strings.Repeat(pair.open, 1<<20))), ErrTooDeep)
	}
}

// The scanner does not keep the memory that one very long string needed.
func TestScratchIsGivenBack(t *testing.T) {
	var s Scanner
	s.Reset([]byte(`"` + strings.Repeat(`\n`, 1<<20) + `"`))
	_, err := s.Text()
	require.NoError(t, err)
	s.Reset(nil)
	assert.LessOrEqual(t, cap(s.unquoted), maxScratch)
}

// FuzzScanner compares the scanner with jsontext on arbitrary texts.
func FuzzScanner(f *testing.F) {
	for _, text := range jsonTexts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		err := skipAll(text)
		if errors.Is(err, ErrTooDeep) {
			return // jsontext follows deeper
		}
		assert.Equal(t, validJSON(text), err == nil, "%q: %v", text, err)

		// What a string says has to be the same as well.
		var s Scanner
		s.Reset(text)
		if s.Peek() != '"' {
			return
		}
		got, err := s.Text()
		if err != nil {
			return
		}
		want, _ := jsontext.AppendUnquote(nil, text[strings.IndexByte(string(text), '"'):s.Pos()])
		assert.Equal(t, string(want), string(got))
	})
}
