// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseLifetime(t *testing.T) {
	for _, tc := range []struct {
		text string
		want time.Duration
		// err is a part of the error, empty where there is none.
		err string
	}{
		{"90d", 90 * 24 * time.Hour, ""},
		{"5d", 5 * 24 * time.Hour, ""},
		{"12h", 12 * time.Hour, ""},
		{"30m", 30 * time.Minute, ""},
		{"1m", time.Minute, ""},
		{"007d", 7 * 24 * time.Hour, ""},
		{" 90d ", 90 * 24 * time.Hour, ""},
		{"36500d", 36500 * 24 * time.Hour, ""},
		{"876000h", 36500 * 24 * time.Hour, ""},
		{"52560000m", 36500 * 24 * time.Hour, ""},
		{"36501d", 0, "at most 36500d"},
		{"876001h", 0, "at most 36500d"},
		{"52560001m", 0, "at most 36500d"},
		{"9223372036854775807d", 0, "at most 36500d"},
		{"9223372036854775808m", 0, "at most 36500d"},
		{strings.Repeat("9", 1000) + "d", 0, "at most 36500d"},
		{"", 0, "whole number of days"},
		{"  ", 0, "whole number of days"},
		{"0d", 0, "above zero"},
		{"000h", 0, "above zero"},
		{"90", 0, "whole number of days"},
		{"90s", 0, "whole number of days"},
		{"90D", 0, "whole number of days"},
		{"90 days", 0, "whole number of days"},
		{"d", 0, "whole number of days"},
		{"-1d", 0, "whole number of days"},
		{"+1d", 0, "whole number of days"},
		{"1.5d", 0, "whole number of days"},
		{"1 d", 0, "whole number of days"},
		{"1d12h", 0, "whole number of days"},
		{"0x10d", 0, "whole number of days"},
		{"1_000d", 0, "whole number of days"},
		{"٣d", 0, "whole number of days"},
		{"\xff", 0, "whole number of days"},
	} {
		t.Run(tc.text, func(t *testing.T) {
			got, err := ParseLifetime(tc.text)
			assert.Equal(t, tc.want, got)
			if tc.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.err)
			assert.ErrorContains(t, err, "such as 90d, 12h or 30m", "the error has to say what would be right")
			assert.Less(t, len(err.Error()), 400)
		})
	}
}

func FuzzParseLifetime(f *testing.F) {
	for _, seed := range []string{"90d", "12h", "30m", "0d", "-1d", "1.5h", "36500d", "36501d", "9223372036854775808m", "", "d", "٣d", "90 d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseLifetime(text)
		if err != nil {
			assert.Zero(t, d)
			return
		}
		assert.Positive(t, d)
		assert.LessOrEqual(t, d, maxLifetimeDays*day)
		// What was accepted says the same in minutes.
		again, err := ParseLifetime(minutes(d))
		require.NoError(t, err)
		assert.Equal(t, d, again)
	})
}

func minutes(d time.Duration) string {
	return strconv.FormatInt(int64(d/time.Minute), 10) + "m"
}
