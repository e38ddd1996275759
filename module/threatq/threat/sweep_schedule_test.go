// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/client"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// A sweep waits for the acknowledgement of what was published before: what is under
// way is neither known nor missing.
func TestSweepWaitsForTheOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 100)
		w.acks = false
		require.NoError(t, w.run.cycle(t.Context()))
		w.sweeper.schedule.ask()
		w.sweeper.ready = true
		for range 50 {
			w.sweeper.turn(t.Context())
			time.Sleep(w.sweeper.wait(time.Now()))
		}
		assert.Zero(t, w.brief)
		w.acks = true
		w.ack(len(w.pending))
		require.NoError(t, w.sweep())
		assert.Zero(t, w.sweeper.state.Missing)
	})
}

func TestSchedule(t *testing.T) {
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const interval = 24 * time.Hour
	s := newSchedule(interval, "one", day)
	first := s.wait(day)
	assert.Positive(t, first)
	assert.LessOrEqual(t, first, interval)
	assert.NotEqual(t, first, newSchedule(interval, "two", day).wait(day), "inputs don't sweep together")
	assert.Equal(t, first-time.Hour, newSchedule(interval, "one", day.Add(time.Hour)).wait(day.Add(time.Hour)), "a restart moves nothing")
	assert.Zero(t, s.wait(day.Add(first)))
	assert.Zero(t, s.wait(day.Add(first+7*interval)), "one that was missed is made up for")

	s.succeeded(day.Add(first+time.Hour), true)
	assert.Equal(t, interval-time.Hour, s.wait(day.Add(first+time.Hour)))
	now := day.Add(first + 2*time.Hour)
	for _, wait := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		s.failed(now)
		assert.Equal(t, wait*time.Minute, s.wait(now))
	}
	s.begin()
	s.succeeded(now, true)
	assert.LessOrEqual(t, s.wait(now.Add(-1000*interval)), interval, "the clock was set back")

	// What asks for a sweep while one goes on is not answered by that.
	asked := newSchedule(interval, "one", day)
	asked.refused(day)
	assert.Equal(t, firstBackoff, asked.wait(day))
	asked.begin()
	assert.True(t, asked.refused(day))
	asked.succeeded(day, false)
	assert.Equal(t, 2*firstBackoff, asked.wait(day))
	asked.begin()
	asked.succeeded(day, true)
	assert.Greater(t, asked.wait(day), 2*firstBackoff)

	short := newSchedule(time.Second, "one", day)
	short.failed(day)
	assert.Equal(t, time.Second, short.wait(day), "no longer than the interval")
}

// A sweep has its turns between the cycles, which keep their interval.
func TestSweepTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 500, func(_ *simulator.Config, cfg *config.Input) {
			cfg.Interval = 10 * time.Second
			cfg.Reconcile.Interval = time.Minute
		})
		const latency = 3 * time.Second
		var cycles []time.Time
		w.fault = func(page *client.Page, brief bool) (*client.Page, error) {
			if brief {
				time.Sleep(latency)
			} else if len(page.Indicators) == 0 {
				cycles = append(cycles, time.Now())
			}
			return page, nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		require.NoError(t, w.run.loop(ctx))
		for i := 1; i < len(cycles); i++ {
			assert.LessOrEqual(t, cycles[i].Sub(cycles[i-1]), w.cfg.Interval+latency)
		}
		assert.Greater(t, w.brief, 100)
		assert.Greater(t, len(cycles), 45)
	})
}
