// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/module/threatq/client"
	"github.com/threatqbeat/threatqbeat/module/threatq/health"
)

func TestCycle(t *testing.T) {
	refused := &client.Error{Failure: client.FailureCredentials}
	rejected := &client.Error{Failure: client.FailureCursorRejected}
	tests := map[string]struct {
		mark     string
		answers  map[string][]answer
		requests []string
		ids      []string
		marks    map[int]string // saved cursor by the number of events before it
		failed   bool
	}{
		"pages until the mark stays": {
			answers: map[string][]answer{
				"*": {{ids: []int{1, 2}, next: "a"}},
				"a": {{ids: []int{3}, next: "b"}},
				"b": {{next: "b"}},
			},
			requests: []string{"*", "a", "b"},
			ids:      []string{"1", "2", "3"},
			marks:    map[int]string{2: "a", 3: "b"},
		},
		"continues from the saved cursor": {
			mark:     "b",
			answers:  map[string][]answer{"b": {{ids: []int{4}, next: "c"}}, "c": {{next: "c"}}},
			requests: []string{"b", "c"},
			ids:      []string{"4"},
			marks:    map[int]string{1: "c"},
		},
		"nothing new is one request": {
			mark:     "b",
			answers:  map[string][]answer{"b": {{next: "b"}}},
			requests: []string{"b"},
			marks:    map[int]string{},
		},
		"an empty page whose mark moves is not the last": {
			mark:     "b",
			answers:  map[string][]answer{"b": {{next: "c"}}, "c": {{next: "d"}}, "d": {{ids: []int{1}, next: "e"}}, "e": {{next: "e"}}},
			requests: []string{"b", "c", "d", "e"},
			ids:      []string{"1"},
			marks:    map[int]string{1: "e"},
		},
		"a page without a next mark saves no cursor": {
			mark:     "b",
			answers:  map[string][]answer{"b": {{ids: []int{4}}}},
			requests: []string{"b"},
			ids:      []string{"4"},
			marks:    map[int]string{},
		},
		"what came before a failure is kept": {
			answers: map[string][]answer{
				"*": {{ids: []int{1, 2}, next: "a"}},
				"a": {{err: refused}},
			},
			requests: []string{"*", "a"},
			ids:      []string{"1", "2"},
			marks:    map[int]string{2: "a"},
			failed:   true,
		},
		"a truncated page is published without its cursor": {
			answers:  map[string][]answer{"*": {{ids: []int{1, 2}, truncated: true, err: errors.New("cut")}}},
			requests: []string{"*"},
			ids:      []string{"1", "2"},
			marks:    map[int]string{},
			failed:   true,
		},
		"a rejected cursor starts over": {
			mark: "old",
			answers: map[string][]answer{
				"old": {{err: rejected}},
				"*":   {{ids: []int{1}, next: "a"}},
				"a":   {{next: "a"}},
			},
			requests: []string{"old", "*", "a"},
			ids:      []string{"1"},
			marks:    map[int]string{1: "a"},
		},
		"a cursor rejected again fails the cycle": {
			mark: "old",
			answers: map[string][]answer{
				"old": {{err: rejected}},
				"*":   {{ids: []int{1}, next: "a"}},
				"a":   {{err: rejected}},
			},
			requests: []string{"old", "*", "a"},
			ids:      []string{"1"},
			marks:    map[int]string{1: "a"},
			failed:   true,
		},
		"cursors in a circle end": {
			answers: map[string][]answer{
				"*": {{ids: []int{1}, next: "a"}},
				"a": {{ids: []int{2}, next: "b"}},
				"b": {{ids: []int{3}, next: "a"}},
			},
			requests: []string{"*", "a", "b", "a"},
			ids:      []string{"1", "2", "3", "2"},
			marks:    map[int]string{1: "a", 2: "b", 3: "a", 4: "b"},
			failed:   true,
		},
		"a circle under ever new cursors ends": {
			answers: map[string][]answer{
				"*": {{ids: []int{1}, next: "a"}},
				"a": {{ids: []int{2}, next: "b"}},
				"b": {{ids: []int{1}, next: "c"}},
				"c": {{ids: []int{2}, next: "d"}},
				"d": {{ids: []int{1}, next: "e"}},
				"e": {{ids: []int{2}, next: "f"}},
				"f": {{ids: []int{1}, next: "g"}},
				"g": {{ids: []int{2}, next: "h"}},
				"h": {{ids: []int{1}, next: "i"}},
			},
			requests: []string{"*", "a", "b", "c", "d", "e", "f", "g", "h"},
			ids:      []string{"1", "2", "1", "2", "1", "2", "1", "2", "1"},
			marks:    map[int]string{1: "a", 2: "b", 3: "c", 4: "d", 5: "e", 6: "f", 7: "g", 8: "h", 9: "i"},
			failed:   true,
		},
		"a page that comes twice is no circle": {
			answers: map[string][]answer{
				"*": {{ids: []int{1}, next: "a"}},
				"a": {{ids: []int{1}, next: "b"}},
				"b": {{ids: []int{2}, next: "c"}},
				"c": {{next: "c"}},
			},
			requests: []string{"*", "a", "b", "c"},
			ids:      []string{"1", "1", "2"},
			marks:    map[int]string{1: "a", 2: "b", 3: "c"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pages := &answers{t: t, byMark: tt.answers}
				var out published
				r := newTestRunner(t, pages, &out, nil)
				r.state.Mark = tt.mark

				err := r.cycle(t.Context())

				assert.Equal(t, tt.failed, err != nil, "error: %v", err)
				assert.Equal(t, tt.requests, pages.requests)
				assert.Equal(t, tt.ids, out.ids)
				marks := map[int]string{}
				for at, st := range out.states {
					marks[at] = st.Mark
					assert.EqualValues(t, at, st.Collected)
				}
				assert.Equal(t, tt.marks, marks)
			})
		})
	}
}

// A page that is large is not held beside the next one.
func TestLargePageIsNotHeldBesideTheNext(t *testing.T) {
	for _, large := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			requests, most := 0, int64(0)
			var out published
			var held atomic.Int64 // the fetcher and the publisher count
			r := newTestRunner(t, nil, &out, nil)
			pages := pagerFunc(func(i int) answer { return answer{ids: []int{i}, total: 5} }).pager(t, &requests)
			r.pages = pageFunc(func(ctx context.Context, mark string) (*client.Page, error) {
				page, err := pages.Page(ctx, mark)
				if large {
					page.Bytes = maxPrefetch + 1
				}
				if requests == 5 {
					page.NextCursorMark = mark
				}
				most = max(most, held.Add(1))
				return page, err
			})
			out.delay = time.Second
			out.stop = func(int) error { held.Add(-1); return nil }
			require.NoError(t, r.cycle(t.Context()))
			assert.Equal(t, map[bool]int64{true: 1, false: 2}[large], most)
		})
	}
}

// A page whose cursor doesn't lead on comes again in each cycle. It is published
// once, and again only when it changes.
func TestPageThatComesAgainIsPublishedOnce(t *testing.T) {
	cut := errors.New("cut")
	tests := map[string]answer{
		"the cursor is stuck":   {next: "a"},
		"the cursor is missing": {},
		"the page is truncated": {truncated: true, err: cut},
	}
	for name, page := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				two, three := page, page
				two.ids, three.ids = []int{1, 2}, []int{1, 2, 3}
				pages := &answers{t: t, byMark: map[string][]answer{"a": {two, two, three}}}
				var out published
				r := newTestRunner(t, pages, &out, nil)
				r.state.Mark = "a"
				for range 4 {
					assert.Equal(t, page.err, r.cycle(t.Context()))
				}
				assert.Equal(t, []string{"1", "2", "1", "2", "3"}, out.ids)
			})
		})
	}
}

func TestNextPageIsFetchedWhileOneIsPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pageCount, latency = 20, time.Second
		byMark := map[string][]answer{"p20": {{next: "p20"}}}
		mark := "*"
		for i := range pageCount {
			next := "p" + strconv.Itoa(i+1)
			byMark[mark] = []answer{{ids: []int{i}, next: next}}
			mark = next
		}
		pages := &answers{t: t, byMark: byMark, latency: latency}
		out := published{delay: latency * 9 / 10}
		r := newTestRunner(t, pages, &out, nil)

		start := time.Now()
		require.NoError(t, r.cycle(t.Context()))
		// The requests alone take 21 s; one after the other with publishing, 39 s.
		assert.Equal(t, (pageCount+1)*latency, time.Since(start))
		assert.Len(t, out.ids, pageCount)
	})
}

func TestLoopInterval(t *testing.T) {
	down := &client.Error{Failure: client.FailureUnreachable}
	tests := map[string]struct {
		latency time.Duration
		err     error
		cycles  int
	}{
		"from start to start":          {latency: 20 * time.Second, cycles: 10},
		"an overrun waits an interval": {latency: 90 * time.Second, cycles: 4},
		"a failure waits an interval":  {latency: 20 * time.Second, err: down, cycles: 8},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pages := &answers{t: t, latency: tt.latency, byMark: map[string][]answer{"*": {{next: "*", err: tt.err}}}}
				var out published
				r := newTestRunner(t, pages, &out, nil)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute-time.Second)
				defer cancel()
				require.NoError(t, r.loop(ctx))
				assert.Len(t, pages.requests, tt.cycles)
			})
		})
	}
}

func TestHealthFollowsTheCycles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := &client.Error{Failure: client.FailureCredentials}
		pages := &answers{t: t, byMark: map[string][]answer{"*": {
			{next: "*"}, {err: refused}, {err: refused}, {next: "*"}, {next: "*"},
		}}}
		var out published
		var changes []health.Condition
		r := newTestRunner(t, pages, &out, &changes)
		for range 5 {
			_ = r.cycle(t.Context())
		}
		assert.Equal(t, []health.Condition{
			{State: health.Starting, Source: health.Cycle}, {},
			{State: health.Degraded, Source: health.Cycle, Reason: refused.Error()}, {},
		}, changes)
		assert.EqualValues(t, 5, r.metrics.cycles.Get())
		assert.EqualValues(t, 2, r.metrics.cyclesFailed.Get())
	})
}

// A cancelled cycle saves no cursor for a page that it has not published whole.
func TestCancelInTheMiddleOfAPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pages := &answers{t: t, byMark: map[string][]answer{
			"*": {{ids: []int{1, 2}, next: "a"}},
			"a": {{ids: []int{3, 4, 5}, next: "b"}},
			"b": {{ids: []int{6}, next: "c"}},
			"c": {{next: "c"}},
		}}
		ctx, cancel := context.WithCancel(t.Context())
		out := published{stop: func(n int) error {
			if n == 4 {
				cancel()
			}
			return ctx.Err()
		}}
		r := newTestRunner(t, pages, &out, nil)
		require.NoError(t, r.loop(ctx))
		assert.Equal(t, []string{"1", "2", "3", "4"}, out.ids)
		require.Len(t, out.states, 1)
		assert.Equal(t, "a", out.states[2].Mark)
	})
}
