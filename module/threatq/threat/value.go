// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
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

// latest is the last moment that an event can say: its dates are written with
// four digits for the year.
var latest = time.Date(9999, time.December, 31, 23, 59, 59, int(999*time.Millisecond), time.UTC)

// parseDate reads a date of ThreatQ: `2006-01-02 15:04:05` in UTC, with or
// without a fraction of a second, RFC 3339 with any zone, or a day alone. The
// result is in UTC, and the zero time for what databases write instead of no
// date: an empty text, a year 0 or its PHP form, a year -1.
func parseDate(text []byte) (t time.Time, ok bool) {
	if len(text) >= 19 {
		if t, ok = parseFixedDate(text); ok {
			return t, true
		}
	}
	text = bytes.TrimSpace(text)
	if isNoDate(text) {
		return time.Time{}, true
	}
	if len(text) > maxQuoted {
		return time.Time{}, false
	}
	text = bytes.ToUpper(text) // RFC 3339 allows a small t and z
	for _, layout := range [...]string{
		time.RFC3339,
		"2006-01-02 15:04:05Z07:00",
		"2006-01-02T15:04:05Z0700",
		"2006-01-02T15:04:05",
		time.DateTime,
		time.DateOnly,
	} {
		t, err := time.Parse(layout, string(text))
		if err != nil {
			continue
		}
		t = t.UTC()
		if y := t.Year(); y < 1 || y > 9999 {
			return time.Time{}, false
		}
		return t, true
	}
	return time.Time{}, false
}

func isNoDate(text []byte) bool {
	return len(text) == 0 || bytes.HasPrefix(text, []byte("0000-00-00")) || bytes.HasPrefix(text, []byte("-0001-11-30"))
}

// parseFixedDate reads the form that nearly every date has, with a space or a
// T in the middle and nothing or a Z at the end, some four times as fast as
// time.Parse. What it doesn't take isn't wrong yet.
func parseFixedDate(b []byte) (time.Time, bool) {
	if len(b) != 19 && (len(b) != 20 || b[19] != 'Z') {
		return time.Time{}, false
	}
	if b[4] != '-' || b[7] != '-' || b[10] != ' ' && b[10] != 'T' || b[13] != ':' || b[16] != ':' {
		return time.Time{}, false
	}
	century, yearOK := twoDigits(b[0], b[1])
	year, ok := twoDigits(b[2], b[3])
	year, yearOK = century*100+year, yearOK && ok
	month, monthOK := twoDigits(b[5], b[6])
	day, dayOK := twoDigits(b[8], b[9])
	hour, hourOK := twoDigits(b[11], b[12])
	minute, minuteOK := twoDigits(b[14], b[15])
	second, secondOK := twoDigits(b[17], b[18])
	if !yearOK || !monthOK || !dayOK || !hourOK || !minuteOK || !secondOK {
		return time.Time{}, false
	}
	if year < 1 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	date := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	return date, day <= 28 || date.Day() == day // the 30th of February becomes a day of March
}

func twoDigits(tens, ones byte) (int, bool) {
	t, o := tens-'0', ones-'0'
	return int(t)*10 + int(o), t <= 9 && o <= 9
}
