// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"bytes"
	"time"
)

// date is a moment in UTC, to the millisecond, in the years 1 to 9999; 0 is none. It
// has the parts of the date, the year in the highest bits, so that an earlier date is
// a smaller number, and that writing one needs no calendar.
type date int64

// The parts of a date begin at these bits.
const (
	dateSecond = 10 // behind milliseconds
	dateMinute = dateSecond + 6
	dateHour   = dateMinute + 6
	dateDay    = dateHour + 5
	dateMonth  = dateDay + 5
	dateYear   = dateMonth + 4
)

// latest is the last moment that an event can say: its dates are written with
// four digits for the year.
var latest = time.Date(9999, time.December, 31, 23, 59, 59, int(999*time.Millisecond), time.UTC)

func newDate(year, month, day, hour, minute, second, millisecond int) date {
	return date(year)<<dateYear | date(month)<<dateMonth | date(day)<<dateDay |
		date(hour)<<dateHour | date(minute)<<dateMinute | date(second)<<dateSecond | date(millisecond)
}

// dateOf returns the date of a time of the years 1 to 9999, and none for the zero time.
func dateOf(t time.Time) date {
	if t.IsZero() {
		return 0
	}
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	return newDate(year, int(month), day, hour, minute, second, t.Nanosecond()/int(time.Millisecond))
}

// part returns the part of d that begins at a bit and has so many bits.
func (d date) part(bit, bits int) int { return int(d>>bit) & (1<<bits - 1) }

// time returns the time, the zero time for none.
func (d date) time() time.Time {
	if d == 0 {
		return time.Time{}
	}
	return time.Date(int(d>>dateYear), time.Month(d.part(dateMonth, 4)), d.part(dateDay, 5), d.part(dateHour, 5),
		d.part(dateMinute, 6), d.part(dateSecond, 6), d.part(0, dateSecond)*int(time.Millisecond), time.UTC)
}

// dateLayout is how Libbeat's outputs write a date.
const dateLayout = "2006-01-02T15:04:05.000Z"

// text writes the date as Libbeat's outputs do.
func (d date) text() [len(dateLayout)]byte {
	var text [len(dateLayout)]byte
	copy(text[:], dateLayout)
	year, millisecond := int(d>>dateYear), d.part(0, dateSecond)
	for _, digits := range [...]struct{ at, value int }{
		{0, year / 100}, {2, year % 100},
		{5, d.part(dateMonth, 4)}, {8, d.part(dateDay, 5)},
		{11, d.part(dateHour, 5)}, {14, d.part(dateMinute, 6)}, {17, d.part(dateSecond, 6)},
		{20, millisecond / 10},
	} {
		text[digits.at], text[digits.at+1] = '0'+byte(digits.value/10), '0'+byte(digits.value%10)
	}
	text[22] = '0' + byte(millisecond%10)
	return text
}

// firstDate returns the first of dates that is one.
func firstDate(dates ...date) date {
	for _, d := range dates {
		if d != 0 {
			return d
		}
	}
	return 0
}

// parseDate reads a date of ThreatQ: `2006-01-02 15:04:05` in UTC, with or
// without a fraction of a second, RFC 3339 with any zone, or a day alone. The
// result is none for what databases write instead of no date: an empty text, a
// year 0 or its PHP form, a year -1.
func parseDate(text []byte) (d date, ok bool) {
	if len(text) >= 19 {
		if d, ok = parseFixedDate(text); ok {
			return d, true
		}
	}
	text = bytes.TrimSpace(text)
	if isNoDate(text) {
		return 0, true
	}
	if len(text) > maxQuoted {
		return 0, false
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
		if y := t.UTC().Year(); y < 1 || y > 9999 {
			return 0, false
		}
		return dateOf(t), true
	}
	return 0, false
}

func isNoDate(text []byte) bool {
	return len(text) == 0 || bytes.HasPrefix(text, []byte("0000-00-00")) || bytes.HasPrefix(text, []byte("-0001-11-30"))
}

// parseFixedDate reads the form that nearly every date has, with a space or a
// T in the middle and nothing or a Z at the end, some four times as fast as
// time.Parse. What it doesn't take isn't wrong yet.
func parseFixedDate(b []byte) (date, bool) {
	if len(b) != 19 && (len(b) != 20 || b[19] != 'Z') {
		return 0, false
	}
	if b[4] != '-' || b[7] != '-' || b[10] != ' ' && b[10] != 'T' || b[13] != ':' || b[16] != ':' {
		return 0, false
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
		return 0, false
	}
	// In the first year there is a moment that stands for no date.
	if year < 2 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	if day > 28 && time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Day() != day {
		return 0, false // a 30th of February becomes a day of March
	}
	return newDate(year, month, day, hour, minute, second, 0), true
}

func twoDigits(tens, ones byte) (int, bool) {
	t, o := tens-'0', ones-'0'
	return int(t)*10 + int(o), t <= 9 && o <= 9
}
