// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// parseID reads an id: an integer, or a number with an integer value such as
// 336.0 or 3.36e2. ok is false for anything else, and for what an
// Elasticsearch long can't hold.
func parseID(text []byte) (id int64, ok bool) {
	if n := len(text); n > 0 && n <= 18 {
		for _, c := range text {
			if !isDigit(c) {
				return parseOddID(text)
			}
			id = id*10 + int64(c-'0')
		}
		return id, true
	}
	return parseOddID(text)
}

func parseOddID(text []byte) (int64, bool) {
	if len(text) > maxQuoted {
		return 0, false
	}
	if id, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return id, true
	}
	f, ok := parseNumber(text)
	// Beyond 2^53 a float no longer says which integer was meant.
	if !ok || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

// parseNumber reads a decimal number. It is narrower than strconv, which also
// knows hexadecimal digits, underscores, infinities and NaN.
func parseNumber(text []byte) (float64, bool) {
	if len(text) == 0 || len(text) > maxQuoted {
		return 0, false
	}
	for _, c := range text {
		switch {
		case isDigit(c), c == '+', c == '-', c == '.', c == 'e', c == 'E':
		default:
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(string(text), 64)
	return f, err == nil
}

// attributeName makes an attribute's name a key: lower case, and each run of
// characters other than letters, digits, hyphen and underscore made one
// underscore. Letters and digits are those of ASCII and of every other script.
// A name without any character becomes "_", and one longer than maxNameBytes is
// cut. Without dots no key can nest or collide with another one.
func attributeName(name []byte) (key string, cut bool) {
	var b strings.Builder
	b.Grow(min(len(name), maxNameBytes))
	replaced := false
	for len(name) > 0 {
		r, size := utf8.DecodeRune(name)
		name = name[size:]
		if !isNameRune(r) {
			replaced = true
			continue
		}
		r = unicode.ToLower(r)
		need := utf8.RuneLen(r)
		if replaced {
			need++
		}
		if b.Len()+need > maxNameBytes {
			return b.String(), true
		}
		if replaced {
			b.WriteByte('_')
			replaced = false
		}
		b.WriteRune(r)
	}
	if replaced || b.Len() == 0 {
		if b.Len() == maxNameBytes {
			return b.String(), true
		}
		b.WriteByte('_')
	}
	return b.String(), false
}

// emptyAttributeName is the key of an attribute whose name has no characters.
const emptyAttributeName = "_"

func isNameRune(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_':
		return true
	case r < utf8.RuneSelf, r == utf8.RuneError:
		return false
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

// cutText returns the longest beginning of text that has at most max bytes and
// ends between two characters.
func cutText[T ~[]byte | ~string](text T, max int) T {
	if len(text) <= max {
		return text
	}
	for max > 0 && !utf8.RuneStart(text[max]) {
		max--
	}
	return text[:max]
}

// quote makes an excerpt of an unusable value for an error message.
func quote[T ~[]byte | ~string](value T) string {
	if len(value) > maxQuoted {
		return strconv.Quote(strings.ToValidUTF8(string(cutText(value, maxQuoted)), "\uFFFD") + "...")
	}
	return strconv.Quote(string(value))
}

// manyValues is from how many values on a set finds doubles sooner than looking
// through the list does.
const manyValues = 16

// distinctList collects distinct strings in the order in which they come.
type distinctList struct {
	values []string
	// seen is nil until there are many values.
	seen map[string]struct{}
}

// newDistinct returns a list with room for n values.
func newDistinct(n int) distinctList {
	if n == 0 {
		return distinctList{}
	}
	return distinctList{values: make([]string, 0, n)}
}

func (l *distinctList) add(value string) {
	if l.seen == nil && len(l.values) >= manyValues {
		l.seen = make(map[string]struct{}, cap(l.values))
		for _, v := range l.values {
			l.seen[v] = struct{}{}
		}
	}
	if l.seen == nil {
		if !slices.Contains(l.values, value) {
			l.values = append(l.values, value)
		}
		return
	}
	if _, found := l.seen[value]; !found {
		l.seen[value] = struct{}{}
		l.values = append(l.values, value)
	}
}
