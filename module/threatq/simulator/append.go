// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"strconv"
	"unicode/utf8"
)

// appendDate writes the date of d as a JSON value. It is written by hand because an indicator has a score of dates,
// and time.AppendFormat would take most of the time that an indicator costs.
func appendDate(b []byte, d date) []byte {
	sec, zone, sep := d.sec, "", byte(' ')
	switch d.style {
	case dateNull, dateAbsent:
		return append(b, "null"...)
	case dateEmpty:
		return append(b, `""`...)
	case dateZero:
		return append(b, `"0000-00-00 00:00:00"`...)
	case dateRFC3339:
		sep, zone = 'T', "Z"
	case dateOffset:
		sep, zone, sec = 'T', "+02:00", sec+2*hour
	case dateFraction:
		sep, zone = 'T', ".000000Z"
	}
	days, rest := sec/day, sec%day
	if rest < 0 {
		days, rest = days-1, rest+day
	}
	y, mo, dd := civil(days)
	b = append(b, '"', byte('0'+y/1000%10), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10), '-',
		byte('0'+mo/10), byte('0'+mo%10), '-', byte('0'+dd/10), byte('0'+dd%10), sep)
	h, mi, s := rest/hour, rest/60%60, rest%60
	b = append(b, byte('0'+h/10), byte('0'+h%10), ':', byte('0'+mi/10), byte('0'+mi%10), ':', byte('0'+s/10), byte('0'+s%10))
	b = append(b, zone...)
	return append(b, '"')
}

// civil turns days since 1970-01-01 into a date of the Gregorian calendar. Years are counted from March, so that the
// leap day is the last of its year and months need no table.
func civil(days int64) (year, month, dayOfMonth int64) {
	days += 719468 // days from 0000-03-01
	era := days / 146097
	if days < 0 {
		era = (days - 146096) / 146097
	}
	doe := days - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	year, month, dayOfMonth = yoe+era*400, mp+3, doy-(153*mp+2)/5+1
	if month > 12 {
		year, month = year+1, month-12
	}
	return year, month, dayOfMonth
}

const hexDigits = "0123456789abcdef"

// appendQuoted writes s as a JSON string. Like PHP, and so like the appliance, it escapes slashes.
func appendQuoted[S string | []byte](b []byte, s S) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c != '/' && c < utf8.RuneSelf {
			continue
		}
		if c >= utf8.RuneSelf {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\', '/':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

func appendNumber(b []byte, n int64, style numberStyle) []byte {
	switch style {
	case numberString:
		b = append(b, '"')
		b = strconv.AppendInt(b, n, 10)
		return append(b, '"')
	case numberNull, numberAbsent:
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, n, 10)
}

func appendHexWord(b []byte, w uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, hexDigits[w>>shift&15])
	}
	return b
}
