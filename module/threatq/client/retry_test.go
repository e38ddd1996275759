// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, test := range map[string]struct {
		value, date string
		want        time.Duration
		ok          bool
	}{
		"none":                   {"", "", 0, false},
		"seconds":                {"120", "", 2 * time.Minute, true},
		"zero":                   {"0", "", 0, true},
		"blanks":                 {" 7 ", "", 7 * time.Second, true},
		"fraction":               {"0.5", "", 500 * time.Millisecond, true},
		"negative":               {"-1", "", 0, false},
		"huge":                   {"99999999999999999999", "", 365 * 24 * time.Hour, true},
		"not a number":           {"NaN", "", 0, false},
		"infinite":               {"Inf", "", 365 * 24 * time.Hour, true},
		"words":                  {"soon", "", 0, false},
		"date":                   {"Fri, 02 Jan 2026 03:04:35 GMT", "", 30 * time.Second, true},
		"date, RFC 850":          {"Friday, 02-Jan-26 03:04:35 GMT", "", 30 * time.Second, true},
		"date, asctime":          {"Fri Jan  2 03:04:35 2026", "", 30 * time.Second, true},
		"date in the past":       {"Fri, 02 Jan 2026 03:04:00 GMT", "", 0, true},
		"date far away":          {"Fri, 02 Jan 2099 03:04:00 GMT", "", 365 * 24 * time.Hour, true},
		"date, their clock fast": {"Fri, 02 Jan 2026 05:04:35 GMT", "Fri, 02 Jan 2026 05:04:05 GMT", 30 * time.Second, true},
		"date, their clock slow": {"Fri, 02 Jan 2026 01:04:35 GMT", "Fri, 02 Jan 2026 01:04:05 GMT", 30 * time.Second, true},
		"date, no clock":         {"Fri, 02 Jan 2026 03:04:35 GMT", "now", 30 * time.Second, true},
		"two":                    {"1, 2", "", 0, false},
	} {
		header := http.Header{}
		if test.value != "" {
			header.Set("Retry-After", test.value)
		}
		if test.date != "" {
			header.Set("Date", test.date)
		}
		got, ok := retryAfter(header, now)
		assert.Equal(t, test.ok, ok, name)
		assert.Equal(t, test.want, got, name)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"120", "0", "-1", "1e9", "0x10", "Fri, 02 Jan 2026 03:04:35 GMT", "Fri Jan  2 03:04:35 2026", "", "\x00"} {
		f.Add(seed, seed)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value, date string) {
		wait, ok := retryAfter(http.Header{"Retry-After": {value}, "Date": {date}}, now)
		require.GreaterOrEqual(t, wait, time.Duration(0))
		require.LessOrEqual(t, wait, 365*24*time.Hour)
		if !ok {
			require.Zero(t, wait)
		}
	})
}

func TestBackoff(t *testing.T) {
	c, _, _ := newClient(t, testConfig("https://threatq.example.com"), WithClock(func() time.Time {
		return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	}))
	const least, most = time.Second, time.Minute
	answer := func(status int, after string) *http.Response {
		return &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {after}}}
	}
	for name, test := range map[string]struct {
		n        int
		resp     *http.Response
		low, top time.Duration
	}{
		"first":                 {0, nil, time.Second, 1500 * time.Millisecond},
		"second":                {1, nil, 2 * time.Second, 3 * time.Second},
		"fourth":                {3, nil, 8 * time.Second, 12 * time.Second},
		"at the top":            {9, nil, 45 * time.Second, time.Minute},
		"far beyond the top":    {98, nil, 45 * time.Second, time.Minute},
		"asked for":             {0, answer(429, "5"), 5 * time.Second, 5500 * time.Millisecond},
		"asked for, with 503":   {3, answer(503, "5"), 5 * time.Second, 5500 * time.Millisecond},
		"asked for, as a date":  {0, answer(429, "Fri, 02 Jan 2026 03:04:15 GMT"), 10 * time.Second, 11 * time.Second},
		"asked for, above most": {0, answer(429, "120"), 2 * time.Minute, 2*time.Minute + time.Second},
		"asked for nothing":     {1, answer(429, "0"), 2 * time.Second, 3 * time.Second},
		"asked for the past":    {1, answer(429, "Fri, 02 Jan 2026 03:04:00 GMT"), 2 * time.Second, 3 * time.Second},
		"asked for very little": {0, answer(429, "0.001"), time.Second, time.Second},
		"asked for with a 200":  {0, answer(200, "50"), time.Second, 1500 * time.Millisecond},
	} {
		seen := map[time.Duration]bool{}
		for range 200 {
			wait := c.backoff(least, most, test.n, test.resp)
			require.GreaterOrEqual(t, wait, test.low, name)
			require.LessOrEqual(t, wait, test.top, name)
			seen[wait] = true
		}
		if test.low < test.top {
			assert.Greater(t, len(seen), 10, "%s: chance adds to it", name)
		}
	}
	assert.Equal(t, time.Second, c.backoff(time.Second, time.Second, 5, nil), "no room for chance")
}

// Between the attempts is a wait, and a Retry-After that is longer is honoured.
func TestWaits(t *testing.T) {
	a := newAppliance(t, status(503), status(429, "Retry-After", "0.2"), says(onePage))
	cfg := a.config()
	cfg.Request.Retry.WaitMin, cfg.Request.Retry.WaitMax = 50*time.Millisecond, 60*time.Millisecond
	c, _, _ := newClient(t, cfg)
	start := time.Now()
	require.NoError(t, read(c))
	assert.GreaterOrEqual(t, time.Since(start), 245*time.Millisecond)
}

func TestOneAttempt(t *testing.T) {
	a := newAppliance(t, status(503))
	cfg := a.config()
	cfg.Request.Retry.MaxAttempts = 1
	c, _, _ := newClient(t, cfg)
	e := asError(t, read(c), KindServer)
	assert.Equal(t, 1, e.Attempts)
	assert.NotContains(t, e.Error(), "attempts")
	assert.Len(t, a.seen(dataPath), 1)
}
