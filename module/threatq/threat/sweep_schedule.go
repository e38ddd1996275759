// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"context"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/elastic/go-concert/timed"
)

const (
	// firstBackoff is the wait after a first sweep in vain, and after a first
	// document that was refused. It doubles each time.
	firstBackoff = time.Minute
	// longestRetry is the longest wait after sweeps in vain.
	longestRetry = time.Hour
	// settlePoll is the time between two looks at what the output has acknowledged.
	settlePoll = 100 * time.Millisecond
)

// schedule says when the next sweep is due: once in each interval, at a moment
// that depends on the input's id, so that the inputs of a beat, and of many beats,
// don't sweep together. It may be asked for one out of turn.
type schedule struct {
	interval time.Duration
	offset   time.Duration
	// since is when a sweep last counted or, before, when the keeping began.
	since time.Time
	// asked has one made out of turn, as soon as notBefore allows.
	asked     bool
	notBefore time.Time
	failures  int // sweeps in vain, one after the other
	refusals  int // sweeps that refused documents asked for, likewise
}

func newSchedule(interval time.Duration, inputID string, since time.Time) *schedule {
	s := &schedule{interval: interval, since: since}
	if interval > 0 {
		s.offset = time.Duration(xxhash.Sum64String(inputID) % uint64(interval))
	}
	return s
}

// wait returns how long it is until the next sweep may begin.
func (s *schedule) wait(now time.Time) time.Duration {
	if s.since.After(now) { // the clock was set back
		s.since = now
	}
	var until time.Duration
	if !s.asked {
		// The moments are those of the wall clock, so that a restart moves none.
		passed := time.Duration((uint64(s.since.UnixNano()) - uint64(s.offset)) % uint64(s.interval))
		until = s.since.Add(s.interval - passed).Round(0).Sub(now.Round(0))
	}
	return max(until, s.notBefore.Sub(now), 0)
}

// ask has a sweep made out of turn.
func (s *schedule) ask() { s.asked = true }

// refused asks for a sweep because documents were refused. They may be refused
// again, so that it waits longer each time.
func (s *schedule) refused(now time.Time) {
	if s.asked {
		return
	}
	s.ask()
	s.notBefore = now.Add(backoff(s.refusals, s.interval))
	s.refusals++
}

// failed puts the next sweep off.
func (s *schedule) failed(now time.Time) {
	s.asked = true
	s.notBefore = now.Add(backoff(s.failures, min(s.interval, longestRetry)))
	s.failures++
}

// succeeded counts from now. whole says that nothing was missing.
func (s *schedule) succeeded(now time.Time, whole bool) {
	s.since, s.asked, s.failures, s.notBefore = now, false, 0, time.Time{}
	if whole {
		s.refusals = 0
	}
}

func backoff(attempts int, longest time.Duration) time.Duration {
	return min(firstBackoff<<min(attempts, 20), longest)
}

// pause waits between two cycles. The sweep has its turns meanwhile, each of which
// takes a page at most.
func (r *runner) pause(ctx context.Context, wait time.Duration) {
	until := time.Now().Add(wait)
	for ctx.Err() == nil {
		left := time.Until(until)
		if left <= 0 {
			return
		}
		if r.sweeper != nil {
			turn := r.sweeper.wait(time.Now())
			if turn <= 0 {
				r.sweeper.turn(ctx)
				continue
			}
			left = min(left, turn)
		}
		_ = timed.Wait(ctx, left)
	}
}
