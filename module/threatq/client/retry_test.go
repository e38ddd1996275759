// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/config"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, test := range map[string]struct {
		value, date string
		want        time.Duration
	}{
		"none":                   {"", "", 0},
		"seconds":                {"120", "", 2 * time.Minute},
		"zero":                   {"0", "", 0},
		"blanks":                 {" 7 ", "", 7 * time.Second},
		"fraction":               {"0.5", "", 500 * time.Millisecond},
		"negative":               {"-1", "", 0},
		"huge":                   {"99999999999999999999", "", 365 * 24 * time.Hour},
		"not a number":           {"NaN", "", 0},
		"infinite":               {"Inf", "", 365 * 24 * time.Hour},
		"words":                  {"soon", "", 0},
		"date":                   {"Fri, 02 Jan 2026 03:04:35 GMT", "", 30 * time.Second},
		"date, RFC 850":          {"Friday, 02-Jan-26 03:04:35 GMT", "", 30 * time.Second},
		"date, asctime":          {"Fri Jan  2 03:04:35 2026", "", 30 * time.Second},
		"date in the past":       {"Fri, 02 Jan 2026 03:04:00 GMT", "", 0},
		"date far away":          {"Fri, 02 Jan 2099 03:04:00 GMT", "", 365 * 24 * time.Hour},
		"date, their clock fast": {"Fri, 02 Jan 2026 05:04:35 GMT", "Fri, 02 Jan 2026 05:04:05 GMT", 30 * time.Second},
		"date, their clock slow": {"Fri, 02 Jan 2026 01:04:35 GMT", "Fri, 02 Jan 2026 01:04:05 GMT", 30 * time.Second},
		"date, no clock":         {"Fri, 02 Jan 2026 03:04:35 GMT", "now", 30 * time.Second},
		"two":                    {"1, 2", "", 0},
	} {
		header := http.Header{}
		if test.value != "" {
			header.Set("Retry-After", test.value)
		}
		if test.date != "" {
			header.Set("Date", test.date)
		}
		got := retryAfter(header, now)
		assert.Equal(t, test.want, got, name)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"120", "0", "-1", "1e9", "0x10", "Fri, 02 Jan 2026 03:04:35 GMT", "Fri Jan  2 03:04:35 2026", "", "\x00"} {
		f.Add(seed, seed)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value, date string) {
		wait := retryAfter(http.Header{"Retry-After": {value}, "Date": {date}}, now)
		require.GreaterOrEqual(t, wait, time.Duration(0))
		require.LessOrEqual(t, wait, 365*24*time.Hour)
	})
}

func TestBackoff(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cfg := testConfig("https://threatq.example.com")
	cfg.Request.Retry = config.RequestRetry{MaxAttempts: 5, WaitMin: time.Second, WaitMax: time.Minute}
	c, _, _ := newClient(t, cfg)
	c.now = func() time.Time { return now }
	asked := func(status int, after string) time.Duration {
		resp := &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {after}}}
		return c.statusError(&call{}, resp, nil).RetryAfter
	}
	for name, test := range map[string]struct {
		n        int
		asked    time.Duration
		low, top time.Duration
	}{
		"first":                 {0, 0, time.Second, 1500 * time.Millisecond},
		"second":                {1, 0, 2 * time.Second, 3 * time.Second},
		"fourth":                {3, 0, 8 * time.Second, 12 * time.Second},
		"at the top":            {9, 0, 45 * time.Second, time.Minute},
		"far beyond the top":    {98, 0, 45 * time.Second, time.Minute},
		"asked for":             {0, asked(429, "5"), 5 * time.Second, 5500 * time.Millisecond},
		"asked for, with 503":   {3, asked(503, "5"), 5 * time.Second, 5500 * time.Millisecond},
		"asked for, as a date":  {0, asked(429, "Fri, 02 Jan 2026 03:04:15 GMT"), 10 * time.Second, 11 * time.Second},
		"asked for, above most": {0, asked(429, "120"), 2 * time.Minute, 2*time.Minute + time.Second},
		"asked for nothing":     {1, asked(429, "0"), 2 * time.Second, 3 * time.Second},
		"asked for the past":    {1, asked(429, "Fri, 02 Jan 2026 03:04:00 GMT"), 2 * time.Second, 3 * time.Second},
		"asked for very little": {0, asked(429, "0.001"), time.Second, time.Second},
		"asked for with a 404":  {0, asked(404, "50"), time.Second, 1500 * time.Millisecond},
	} {
		seen := map[time.Duration]bool{}
		for range 200 {
			wait := c.backoff(test.n, test.asked)
			require.GreaterOrEqual(t, wait, test.low, name)
			require.LessOrEqual(t, wait, test.top, name)
			seen[wait] = true
		}
		if test.low < test.top {
			assert.Greater(t, len(seen), 10, "%s: chance adds to it", name)
		}
	}
	c.cfg.Request.Retry.WaitMax = time.Second
	assert.Equal(t, time.Second, c.backoff(5, 0), "no room for chance")
}

// What isn't in the table of statuses belongs to its class.
func TestFailureOfStatus(t *testing.T) {
	for status, want := range map[int]struct{ page, token Failure }{
		204: {FailureStatus, FailureStatus},
		302: {FailureStatus, FailureStatus},
		400: {FailureCursorRejected, FailureCredentials},
		401: {FailureCredentials, FailureCredentials},
		403: {FailureForbidden, FailureCredentials},
		404: {FailureCollectionUnknown, FailureStatus},
		405: {FailureStatus, FailureStatus},
		407: {FailureStatus, FailureStatus},
		408: {FailureServer, FailureServer},
		422: {FailureCursorRejected, FailureStatus},
		429: {FailureRateLimited, FailureRateLimited},
		500: {FailureServer, FailureServer},
		597: {FailureServer, FailureServer},
	} {
		assert.Equal(t, want.page, (&call{}).failureOf(status), "%d for a page", status)
		assert.Equal(t, want.token, (&call{token: true}).failureOf(status), "%d for a token", status)
	}
}

// A mark that is rejected once is tried again even where failures are not.
func TestCursorRejectedOnce(t *testing.T) {
	a := newAppliance(t, status(422), says(onePage))
	cfg := a.config()
	cfg.Request.Retry.MaxAttempts = 1
	c, _, _ := newClient(t, cfg)
	require.NoError(t, read(c))
	assert.Len(t, a.seen(dataPath), 2)
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
	e := asError(t, read(c), FailureServer)
	assert.Equal(t, 1, e.Attempts)
	assert.NotContains(t, e.Error(), "attempts")
	assert.Len(t, a.seen(dataPath), 1)
}
