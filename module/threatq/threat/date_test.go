// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

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
		{"2024-01-02T03:04:05.123456789Z", utc(2024, 1, 2, 3, 4, 5, 123000000)},
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
		assert.Equal(t, tc.want, got.time(), tc.text)
		assert.Equal(t, got, dateOf(tc.want), tc.text)
		if got != 0 {
			text := got.text()
			assert.Equal(t, tc.want.Format(dateLayout), string(text[:]))
		}
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

// FuzzParseDate compares the short cuts of reading, comparing and writing dates with
// the standard library.
func FuzzParseDate(f *testing.F) {
	reference := dateOf(time.Date(2024, 1, 31, 23, 59, 59, 0, time.UTC))
	for _, seed := range []string{"2024-01-02 03:04:05", "2024-02-29T23:59:59Z", "0000-00-00 00:00:00", "2023-02-29 00:00:00", "2024-01-02T03:04:05.123+02:00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		got, ok := parseDate([]byte(input))
		if !ok {
			assert.Zero(t, got)
			return
		}
		at := got.time()
		assert.Equal(t, got, dateOf(at))
		assert.Equal(t, got < reference, at.Before(reference.time()))
		if got == 0 {
			return
		}
		text := got.text()
		assert.Equal(t, at.Format(dateLayout), string(text[:]))
		for _, layout := range []string{time.DateTime, time.RFC3339} {
			if want, err := time.Parse(layout, input); err == nil {
				assert.Equal(t, want.UTC().Truncate(time.Millisecond), at)
			}
		}
	})
}
