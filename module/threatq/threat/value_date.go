// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"bytes"
	"time"
)

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
	switch {
	case len(text) == 0:
		return true
	case len(text) >= 10 && string(text[:10]) == "0000-00-00":
		return true
	case len(text) >= 11 && string(text[:11]) == "-0001-11-30":
		return true
	}
	return false
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
