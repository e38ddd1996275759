// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestAttributeName(t *testing.T) {
	for _, tc := range []struct{ name, want string }{
		{"Country", "country"},
		{"Malware Family", "malware_family"},
		{"First  Reported / By", "first_reported_by"},
		{"a.b", "a_b"},
		{"a._.b", "a___b"},
		{"kebab-Case_and-more", "kebab-case_and-more"},
		{" lead and trail ", "_lead_and_trail_"},
		{"", "_"},
		{".", "_"},
		{"...", "_"},
		{"Größe (cm)", "größe_cm_"},
		{"ΌΝΟΜΑ", "όνομα"},
		{"名前", "名前"},
		{"\xff\xfe", "_"},
		{"a\x00b", "a_b"},
		{"a😀b", "a_b"},
		{strings.Repeat("x", maxNameBytes+1), strings.Repeat("x", maxNameBytes)},
		{strings.Repeat("x", maxNameBytes-1) + "é", strings.Repeat("x", maxNameBytes-1)},
		{strings.Repeat("x", maxNameBytes-1) + ".y", strings.Repeat("x", maxNameBytes-1)},
		{strings.Repeat("x", maxNameBytes) + ".", strings.Repeat("x", maxNameBytes)},
	} {
		got, cut := attributeName([]byte(tc.name))
		assert.Equal(t, tc.want, got, "%q", tc.name)
		assert.Equal(t, len(tc.name) > maxNameBytes, cut, "%q", tc.name)
		assert.LessOrEqual(t, len(got), maxNameBytes)
	}
}

func TestParseDate(t *testing.T) {
	utc := func(y, mo, d, h, mi, s, ns int) time.Time {
		return time.Date(y, time.Month(mo), d, h, mi, s, ns, time.UTC)
	}
	for _, tc := range []struct {
		text string
		want time.Time
	}{
		{"2024-01-02 03:04:05", utc(2024, 1, 2, 3, 4, 5, 0)},
		{"2024-01-02T03:04:05", utc(2024, 1, 2, 3, 4, 5, 0)},
		{"2024-01-02T03:04:05Z", utc(2024, 1, 2, 3, 4, 5, 0)},
		{"2024-01-02 03:04:05Z", utc(2024, 1, 2, 3, 4, 5, 0)},
		{"2024-01-02T03:04:05.123456789Z", utc(2024, 1, 2, 3, 4, 5, 123456789)},
		{"2024-01-02 03:04:05.12", utc(2024, 1, 2, 3, 4, 5, 120000000)},
		{"2024-01-02T03:04:05.12", utc(2024, 1, 2, 3, 4, 5, 120000000)},
		{"2024-01-02T03:04:05+05:30", utc(2024, 1, 1, 21, 34, 5, 0)},
		{"2024-01-02T03:04:05+0530", utc(2024, 1, 1, 21, 34, 5, 0)},
		{"2024-01-02 03:04:05-08:00", utc(2024, 1, 2, 11, 4, 5, 0)},
		{"2024-01-02", utc(2024, 1, 2, 0, 0, 0, 0)},
		{" 2024-01-02 03:04:05 ", utc(2024, 1, 2, 3, 4, 5, 0)},
		{"2000-02-29 00:00:00", utc(2000, 2, 29, 0, 0, 0, 0)},
		{"9999-12-31 23:59:59", utc(9999, 12, 31, 23, 59, 59, 0)},
		{"0001-01-02 00:00:00", utc(1, 1, 2, 0, 0, 0, 0)},
		{"", time.Time{}},
		{"0000-00-00", time.Time{}},
		{"0000-00-00 00:00:00", time.Time{}},
		{"0000-00-00T00:00:00Z", time.Time{}},
		{"-0001-11-30 00:00:00", time.Time{}},
	} {
		got, ok := parseDate([]byte(tc.text))
		assert.True(t, ok, tc.text)
		assert.Equal(t, tc.want, got, tc.text)
	}
	for _, text := range []string{
		"1900-02-29 00:00:00", "2023-02-29 00:00:00", "2024-04-31 00:00:00", "2024-00-01 00:00:00", "2024-01-00 00:00:00", "2024-13-01 00:00:00",
		"2024-01-02 24:00:00", "2024-01-02 00:60:00", "2024-01-02 00:00:60", "2024/01/02 00:00:00", "02-01-2024 00:00:00",
		"0000-01-01 00:00:00", "0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-01:00", "10000-01-01 00:00:00", "now", "1704164645", "2024-01-02 03:04:05 UTC",
		"2024-01-02\x0003:04:05", strings.Repeat("2", 1000),
	} {
		_, ok := parseDate([]byte(text))
		assert.False(t, ok, text)
	}
}

// FuzzParseDate compares the short cut with the standard library.
func FuzzParseDate(f *testing.F) {
	for _, seed := range []string{"2024-01-02 03:04:05", "2024-02-29T23:59:59Z", "0000-00-00 00:00:00", "2023-02-29 00:00:00", "2024-01-02T03:04:05.123+02:00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := parseDate([]byte(text))
		if !ok {
			assert.Zero(t, got)
			return
		}
		assert.Equal(t, time.UTC, got.Location())
		if !got.IsZero() {
			assert.GreaterOrEqual(t, got.Year(), 1)
			assert.LessOrEqual(t, got.Year(), 9999)
		}
		if want, err := time.Parse(time.DateTime, text); err == nil && want.Year() > 0 {
			assert.Equal(t, want, got)
		}
		if want, err := time.Parse(time.RFC3339, text); err == nil {
			assert.True(t, want.Equal(got))
		}
	})
}

func TestParseID(t *testing.T) {
	for _, tc := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"0", 0, true},
		{"336", 336, true},
		{"-5", -5, true},
		{"+5", 5, true},
		{"007", 7, true},
		{"336.0", 336, true},
		{"3.36e2", 336, true},
		{"999999999999999999", 999999999999999999, true},
		{"9223372036854775807", 9223372036854775807, true},
		{"-9223372036854775808", -9223372036854775808, true},
		{"9007199254740992.0", 9007199254740992, true},
		{"9223372036854775808", 0, false},
		{"9223372036854775807.0", 0, false},
		{"1e400", 0, false},
		{"1e19", 0, false},
		{"336.5", 0, false},
		{"", 0, false},
		{"0x10", 0, false},
		{"1_000", 0, false},
		{"NaN", 0, false},
		{"Inf", 0, false},
		{"12a", 0, false},
		{strings.Repeat("1", 100), 0, false},
	} {
		got, ok := parseID([]byte(tc.text))
		assert.Equal(t, tc.ok, ok, tc.text)
		assert.Equal(t, tc.want, got, tc.text)
	}
}

func TestCutText(t *testing.T) {
	for _, tc := range []struct {
		text string
		max  int
		want string
	}{
		{"abc", 3, "abc"}, {"abc", 2, "ab"}, {"é", 1, ""}, {"aé", 2, "a"}, {"a☃", 3, "a"}, {"☃☃", 5, "☃"}, {"", 0, ""}, {"😀", 0, ""},
	} {
		got := cutText(tc.text, tc.max)
		assert.Equal(t, tc.want, got)
		assert.True(t, utf8.ValidString(got))
	}
}

func TestDistinct(t *testing.T) {
	var values, want []string
	list := newDistinct(2)
	for i := range 5 * manyValues {
		value := strings.Repeat("x", i)
		want = append(want, value)
		values = append(values, value, value, strings.Repeat("x", i/2))
	}
	for _, value := range values {
		list.add(value)
	}
	assert.Equal(t, want, list.values)
	empty := newDistinct(0)
	assert.Empty(t, empty.values)
}
