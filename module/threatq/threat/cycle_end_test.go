// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/module/threatq/client"
)

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
