// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// A clock that is set back, or far ahead, costs a token at most: neither a page
// nor a wait depends on it.
func TestClockIsSet(t *testing.T) {
	s, cfg := simulated(t, simulator.Config{Indicators: 300, Seed: 1})
	var ahead atomic.Int64 // nanoseconds
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c, _, reg := newClient(t, cfg)
	c.now = func() time.Time { return start.Add(time.Duration(ahead.Load())) }
	mark := "*"
	page := func() {
		t.Helper()
		page, err := c.Page(background, mark)
		require.NoError(t, err)
		assert.Len(t, page.Indicators, 50)
		mark = page.NextCursorMark
		page.Release()
	}
	tokens := func() int64 { return metric(reg, "tokens_requested_total") }

	page()
	assert.EqualValues(t, 1, tokens())
	ahead.Store(int64(-365 * 24 * time.Hour))
	page()
	assert.EqualValues(t, 1, tokens(), "the token lasts")

	// It seems to last for another year, but doesn't.
	s.RevokeTokens()
	page()
	assert.EqualValues(t, 2, tokens())

	ahead.Store(int64(365 * 24 * time.Hour))
	page()
	assert.EqualValues(t, 3, tokens(), "a token that seems to have expired is replaced")

	// A date to wait for is compared with the appliance's own clock.
	require.NoError(t, s.Inject("503:retry-after=+1s"))
	before := time.Now()
	page()
	assert.Less(t, time.Since(before), 30*time.Second)
}
