// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/logp/logptest"
	"github.com/elastic/elastic-agent-libs/monitoring"

	"github.com/threatqbeat/threatqbeat/module/threatq/client"
	"github.com/threatqbeat/threatqbeat/module/threatq/delivery"
	"github.com/threatqbeat/threatqbeat/module/threatq/health"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// answers is a pager that answers a mark with what is listed for it, the last
// answer again and again.
type answers struct {
	t        *testing.T
	byMark   map[string][]answer
	requests []string
	latency  time.Duration
}

type answer struct {
	ids       []int
	next      string
	total     int64
	truncated bool
	err       error
}

func (a *answers) Page(ctx context.Context, mark string) (*client.Page, error) {
	a.requests = append(a.requests, mark)
	if a.latency > 0 {
		select {
		case <-time.After(a.latency):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	list := a.byMark[mark]
	require.NotEmpty(a.t, list, "unexpected mark %q", mark)
	next := list[0]
	if len(list) > 1 {
		a.byMark[mark] = list[1:]
	}
	if next.err != nil && !next.truncated {
		return nil, next.err
	}
	page := &client.Page{Mark: mark, NextCursorMark: next.next, Total: next.total, Truncated: next.truncated}
	for _, id := range next.ids {
		page.Indicators = append(page.Indicators, fmt.Appendf(nil,
			`{"id":%d,"value":"192.0.2.%d","type":{"name":"IP Address"},"updated_at":"2026-01-01 00:00:00"}`, id, id%256))
	}
	return page, next.err
}

// published is what a runner published, and the cursors it handed over.
type published struct {
	ids    []string
	states map[int]registry.State // by the number of events published before
	marks  []string               // saved without an event
	delay  time.Duration
	stop   func(published int) error
}

func (p *published) publish(event beat.Event, update any) error {
	if p.delay > 0 {
		time.Sleep(p.delay)
	}
	id, err := event.Fields.GetValue("threatq.id")
	if err != nil {
		id = "unreadable"
	}
	p.ids = append(p.ids, fmt.Sprint(id))
	if update != nil {
		if p.states == nil {
			p.states = map[int]registry.State{}
		}
		p.states[len(p.ids)] = update.(registry.State)
	}
	if p.stop != nil {
		return p.stop(len(p.ids))
	}
	return nil
}

func (p *published) saveMark(update any) error {
	p.marks = append(p.marks, update.(registry.State).Mark)
	return nil
}

// followed is an input whose events are followed to no output.
func followed() *delivery.Input {
	return delivery.NewTracker(delivery.Settings{}, &health.Board{}, monitoring.NewRegistry()).Input("test")
}

func newTestRunner(t *testing.T, pages pager, out *published, changes *[]health.Condition) *runner {
	reg := monitoring.NewRegistry()
	keeper := new(health.Board).Start("test")
	if changes != nil {
		keeper.OnChange(func(worst health.Condition) { *changes = append(*changes, worst) })
	}
	log := logptest.NewTestingLogger(t, "")
	return &runner{
		interval: time.Minute,
		pages:    pages,
		mapper:   NewMapper(MapperConfig{ExpirationDuration: 90 * 24 * time.Hour, Namespace: "default"}),
		publish:  out.publish,
		flush:    func() error { return nil },
		saveMark: out.saveMark,
		metrics:  newMetrics(reg, newTotals(nil), keeper, followed(), log),
		health:   keeper,
		followed: followed(),
		reporter: new(Reports).start("test", registry.State{}, keeper),
		log:      log,
	}
}

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

// The mark behind empty pages is where the next cycle begins, and is saved with the
// next indicator.
func TestMarkBehindEmptyPages(t *testing.T) {
	pages := &answers{t: t, byMark: map[string][]answer{
		"a": {{next: "b"}},
		"b": {{next: "c"}},
		"c": {{next: "c"}, {ids: []int{1}, next: "d"}},
		"d": {{next: "e"}},
		"e": {{next: "e"}, {ids: []int{2}}},
	}}
	var out published
	r := newTestRunner(t, pages, &out, nil)
	r.state.Mark = "a"
	require.NoError(t, r.cycle(t.Context()))
	assert.Empty(t, out.ids)
	require.NoError(t, r.cycle(t.Context()))
	require.NoError(t, r.cycle(t.Context()))
	assert.Equal(t, []string{"a", "b", "c", "c", "d", "e", "e"}, pages.requests)
	assert.Equal(t, []string{"1", "2"}, out.ids)
	assert.Equal(t, "d", out.states[1].Mark)
	assert.Equal(t, "e", r.state.Mark)
	assert.Equal(t, []string{"b", "c", "e"}, out.marks, "one that does not advance is not saved again")
}

// pager answers each request with what a function returns, by its number from 0.
type pagerFunc func(request int) answer

func (f pagerFunc) pager(t *testing.T, requests *int) pager {
	return funcPager{t, f, requests}
}

type funcPager struct {
	t        *testing.T
	answer   pagerFunc
	requests *int
}

func (p funcPager) Page(ctx context.Context, mark string) (*client.Page, error) {
	next := p.answer(*p.requests)
	*p.requests++
	next.next = fmt.Sprint("mark-", *p.requests)
	return (&answers{t: p.t, byMark: map[string][]answer{mark: {next}}, latency: 100 * time.Millisecond}).Page(ctx, mark)
}

// Empty pages without end are bounded, and the next cycle goes on behind them.
func TestEmptyPagesWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		var out published
		r := newTestRunner(t, pagerFunc(func(int) answer { return answer{} }).pager(t, &requests), &out, nil)
		require.ErrorIs(t, r.cycle(t.Context()), errEmptyPages)
		assert.Equal(t, maxEmpty, requests)
		assert.Equal(t, fmt.Sprint("mark-", maxEmpty), r.state.Mark)
	})
}

// Updates that come faster than pages don't keep a cycle from its end, but a first
// collection that takes longer than the interval goes on. Pages that may be as large as
// the appliance lets them be end a cycle without a pause before the next one.
func TestCycleEnds(t *testing.T) {
	ids := func(n, first int) (list []int) {
		for i := range n {
			list = append(list, first+i)
		}
		return list
	}
	for name, tt := range map[string]struct {
		answer   pagerFunc
		requests int // until a minute has passed, at 100 ms each
		goesOn   bool
	}{
		"50 per page, no total":       {func(i int) answer { return answer{ids: ids(50, 50*i), total: -1} }, 600, true},
		"50 per page, behind a total": {func(i int) answer { return answer{ids: ids(50, 50*i), total: 10} }, 600, true},
		"fewer than before, no total": {func(i int) answer { return answer{ids: ids(1+(i+1)%3, 3*i), total: -1} }, 600, false},
		"a few, the total is less":    {func(i int) answer { return answer{ids: ids(1+(i+1)%3, 3*i), total: 10} }, 600, false},
		"full pages": {func(i int) answer {
			if i < 700 {
				return answer{ids: ids(200, 200*i), total: -1}
			}
			return answer{ids: ids(7, 200*i), total: -1}
		}, 701, false},
		"pages of less than page_size": {func(i int) answer {
			if i < 700 {
				return answer{ids: ids(150, 150*i), total: -1}
			}
			return answer{ids: ids(7, 150*i), total: -1}
		}, 701, false},
		"small pages, far from the total": {func(i int) answer { return answer{ids: ids(20, 20*i), total: 20 * 650} }, 650, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				requests := 0
				var out published
				r := newTestRunner(t, tt.answer.pager(t, &requests), &out, nil)
				r.pageSize = 200
				require.NoError(t, r.cycle(t.Context()))
				assert.Equal(t, tt.requests, requests)
				assert.Equal(t, fmt.Sprint("mark-", requests), r.state.Mark)
				assert.Equal(t, tt.goesOn, r.goesOn)
			})
		})
	}
}

// A first collection is as fast with small pages as with large ones, though it takes
// more than one cycle.
func TestCyclesOfSmallPagesFollowAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pages = 1500 // of 100 ms
		requests, start := 0, time.Now()
		var out published
		ctx, cancel := context.WithCancel(t.Context())
		r := newTestRunner(t, nil, &out, nil)
		r.pageSize = 200
		endless := pagerFunc(func(i int) answer { return answer{ids: []int{2 * i, 2*i + 1}, total: -1} }).pager(t, &requests)
		r.pages = pageFunc(func(ctx context.Context, mark string) (*client.Page, error) {
			page, err := endless.Page(ctx, mark)
			if requests == pages {
				cancel()
			}
			return page, err
		})
		require.NoError(t, r.loop(ctx))
		assert.Equal(t, pages*100*time.Millisecond, time.Since(start))
		assert.EqualValues(t, 2, r.metrics.cycles.Get())
	})
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

type pageFunc func(ctx context.Context, mark string) (*client.Page, error)

func (f pageFunc) Page(ctx context.Context, mark string) (*client.Page, error) { return f(ctx, mark) }

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

func TestLoopDetector(t *testing.T) {
	for _, circle := range []struct{ lead, length int }{{0, 1}, {0, 2}, {5, 1}, {17, 3}, {100, 64}} {
		t.Run(fmt.Sprintf("%d marks, then a circle of %d", circle.lead, circle.length), func(t *testing.T) {
			var l loopDetector[string]
			for i := range circle.lead {
				require.False(t, l.seen("lead"+strconv.Itoa(i)))
			}
			limit := 4 * (circle.lead + circle.length + 1)
			for i := range limit {
				if l.seen("circle" + strconv.Itoa(i%circle.length)) {
					return
				}
			}
			t.Fatalf("not found within %d marks", limit)
		})
	}
	t.Run("no circle", func(t *testing.T) {
		var l loopDetector[string]
		for i := range 100_000 {
			require.False(t, l.seen(strconv.Itoa(i)))
		}
	})
}
