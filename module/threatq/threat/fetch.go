// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/threatqbeat/threatqbeat/module/threatq/client"
)

const (
	// maxRepeats is how often a page may come again in a cycle, under other marks,
	// before that counts as a circle.
	maxRepeats = 3
	// maxEmpty is how many pages in a row may be empty. An appliance's index lists
	// records that are gone for a while, but hardly that many.
	maxEmpty = 100
	// maxPrefetch is the size in bytes up to which a page is held beside the next
	// one. Above it the next page is asked for once this one is published.
	maxPrefetch = 16 << 20
	// leastFull is the least number of indicators of a full page, unless page_size
	// is less: an appliance may limit pages to fewer than page_size.
	leastFull = 100
)

var (
	errCursorLoop = errors.New("the appliance sends cursors in a circle, so that the data collection has no end: what it holds was published, the next cycle continues from the last cursor; check the appliance's search index")
	errEmptyPages = fmt.Errorf("the appliance sent %d empty pages in a row, each with another cursor: the next cycle continues from the last one; check the appliance's search index", maxEmpty)
)

// fetched is the answer to one request for a page.
type fetched struct {
	page     *client.Page
	sum      uint64 // see sumOf
	at       time.Time
	err      error
	released chan struct{}
}

func (f fetched) release() {
	f.page.Release()
	close(f.released)
}

// fetch asks for page after page, starting at mark, and hands each on as soon as
// it is taken. It ends after the last page or the first error. collected is how many
// indicators were collected before.
func (c *cycle) fetch(ctx context.Context, mark string, collected int64, answers chan<- fetched) {
	defer close(answers)
	end := ending{cycle: c, collected: collected}
	for {
		page, err := c.runner.pages.Page(ctx, mark)
		answer := fetched{page: page, at: time.Now(), err: err, released: make(chan struct{})}
		last, large := true, false
		if page != nil {
			answer.sum = sumOf(page)
			large = page.Bytes > maxPrefetch
		}
		if err == nil && !page.Last() {
			mark = page.NextCursorMark
			last, answer.err = end.after(page, answer.sum)
		}
		select {
		case answers <- answer:
		case <-ctx.Done():
			answer.release()
			return
		}
		if last {
			return
		}
		if large {
			<-answer.released
		}
	}
}

// ending finds out when a cycle has to end although a page has a next one.
type ending struct {
	*cycle
	collected int64
	marks     loopDetector[string]
	contents  loopDetector[uint64]
	repeats   int
	empty     int
}

// after reports whether the cycle ends with this page, and why if that is an error.
func (e *ending) after(page *client.Page, sum uint64) (bool, error) {
	n := len(page.Indicators)
	e.collected += int64(n)
	e.largest = max(e.largest, n)
	if n == 0 {
		e.empty++
	} else {
		e.empty = 0
		if e.contents.seen(sum) {
			e.repeats++
		}
	}
	switch {
	case e.marks.seen(page.NextCursorMark) || e.repeats >= maxRepeats:
		return true, errCursorLoop
	case e.empty >= maxEmpty:
		return true, errEmptyPages
	}
	// Updates that come faster than pages would keep the cycle going for ever.
	full := n >= min(e.pageSize, max(e.largest, leastFull)) || page.Total > e.collected
	if full || time.Since(e.Started) < e.interval {
		return false, nil
	}
	// A page as large as any before may be as large as the appliance lets it be.
	e.goesOn = n > 0 && n == e.largest
	return true, nil
}

var sumSeed = maphash.MakeSeed()

// sumOf returns what tells a page from another one. Indicators are sorted by
// updated_at, so that none of them changes without a change of the first, the last,
// their number or their size.
func sumOf(page *client.Page) uint64 {
	var sum maphash.Hash
	sum.SetSeed(sumSeed)
	if n := len(page.Indicators); n > 0 {
		size := 0
		for _, raw := range page.Indicators {
			size += len(raw)
		}
		_, _ = sum.Write(page.Indicators[0])
		_, _ = sum.Write(page.Indicators[n-1])
		maphash.WriteComparable(&sum, [2]int{n, size})
	}
	return sum.Sum64()
}

// loopDetector finds out that a sequence runs in a circle, by Brent's method: it
// keeps one element, whatever the sequence's length.
type loopDetector[T comparable] struct {
	kept  T
	steps int
	limit int
}

// seen takes the next element, and reports whether it is the one that is kept.
func (l *loopDetector[T]) seen(next T) bool {
	if next == l.kept && l.limit > 0 {
		return true
	}
	if l.steps == l.limit {
		l.kept, l.limit, l.steps = next, max(1, 2*l.limit), 0
	}
	l.steps++
	return false
}
