// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"

	"github.com/threatqbeat/threatqbeat/module/threatq/client"
	"github.com/threatqbeat/threatqbeat/module/threatq/health"
)

// progressInterval is the time between two log lines of a cycle that takes long.
const progressInterval = 10 * time.Second

type publishFunc func(event beat.Event, cursorUpdate any) error

// cycle collects everything from the saved cursor to the end of the data
// collection. While one page is published the next is fetched already; no more
// than these two are held.
type cycle struct {
	*runner
	CycleReport  // its figures so far
	lastProgress time.Time
	fetchedAt    time.Time
}

func newCycle(r *runner) *cycle {
	now := time.Now()
	return &cycle{runner: r, CycleReport: CycleReport{Started: now.UTC(), Total: -1}, lastProgress: now}
}

// run returns nil once the collection is drained; else the pages before the one
// that failed have been published.
func (c *cycle) run(ctx context.Context) error {
	c.reporter.cycle(c)
	ctx, cancel := context.WithCancel(ctx)
	answers := make(chan fetched)
	go c.fetch(ctx, cmp.Or(c.state.Mark, client.StartMark), c.state.Collected, answers)
	// The fetcher may hold a page whose buffer wants to go back.
	defer func() {
		cancel()
		for answer := range answers {
			answer.release()
		}
	}()

	for answer := range answers {
		err := c.consume(ctx, answer)
		answer.release()
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// consume publishes one page. The cursor is handed over with the page's last
// indicator, so that it is saved when the output has acknowledged all of them.
func (c *cycle) consume(ctx context.Context, answer fetched) error {
	page := answer.page
	if page == nil {
		return answer.err
	}
	c.fetchedAt = answer.at
	c.Pages++
	c.Bytes += page.Bytes
	if page.Total >= 0 {
		c.Total = page.Total
	}

	if c.isRepeat(answer) {
		c.RepeatsSkipped += int64(len(page.Indicators))
		return answer.err
	}
	if err := c.publishPage(ctx, page); err != nil {
		return err
	}
	if answer.err == nil {
		// A long collection is healthy before it has come to its end.
		c.health.Clear(health.Cycle)
		c.reporter.cycle(c)
	}
	c.progress()
	return answer.err
}

func (c *cycle) publishPage(ctx context.Context, page *client.Page) error {
	saves := page.NextCursorMark != "" && !page.Truncated
	for i := range page.Indicators {
		event, unreadable := c.mapper.pageEvent(page, i, c.fetchedAt)
		if unreadable != nil {
			c.Unreadable++
			c.metrics.unreadableIndicator()
			c.log.Debugw("An indicator can't be read. It is published as a pipeline error.", "error", unreadable)
		}
		var update any
		if saves && i == len(page.Indicators)-1 {
			c.state.Advance(page.NextCursorMark, len(page.Indicators), c.fetchedAt)
			update = c.state
		}
		if err := c.publish(event, update); err != nil {
			return err
		}
		c.Indicators++
	}
	if err := c.flush(); err != nil {
		return err
	}
	if saves && len(page.Indicators) == 0 {
		advances := page.NextCursorMark != page.Mark
		c.state.Advance(page.NextCursorMark, 0, c.fetchedAt)
		if advances {
			if err := c.saveMark(c.state); err != nil {
				return err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c.metrics.page(len(page.Indicators), c.backlog())
	return nil
}

// isRepeat tells a page that comes again in each cycle, because its cursor is
// stuck, missing or lost with the page's end, from one with news. The first
// such page is published.
func (c *cycle) isRepeat(answer fetched) bool {
	page := answer.page
	advances := page.NextCursorMark != page.Mark && page.NextCursorMark != "" && !page.Truncated
	if advances || len(page.Indicators) == 0 {
		return false
	}
	digest := pageDigest{mark: page.Mark, sum: answer.sum}
	repeat := digest == c.repeated
	c.repeated = digest
	return repeat
}

// backlog is how many indicators the data collection holds beyond those
// collected, -1 when the appliance doesn't say how many it holds.
func (c *cycle) backlog() int64 {
	if c.Total < 0 {
		return -1
	}
	return max(c.Total-c.state.Collected, 0)
}

type pageDigest struct {
	mark string
	sum  uint64
}

// progress tells every ten seconds how far a long cycle has come.
func (c *cycle) progress() {
	now := time.Now()
	if now.Sub(c.lastProgress) < progressInterval {
		return
	}
	c.lastProgress = now
	rate := float64(c.Indicators) / now.Sub(c.Started).Seconds()
	fields := []any{
		"indicators", c.Indicators,
		"collected", c.state.Collected,
		"rate_per_second", int64(rate),
	}
	if backlog := c.backlog(); backlog >= 0 && rate > 0 {
		fields = append(fields, "total", c.Total,
			"time_left", (time.Duration(float64(backlog) / rate * float64(time.Second))).Round(time.Second).String())
	}
	c.log.Infow("Collecting the data collection.", fields...)
}

// report closes a cycle: one log line, the metrics and the status.
func (c *cycle) report(err error) {
	took := time.Since(c.Started)
	c.metrics.cycle(took, time.Now(), c.state.Updated, err)
	c.reporter.ended(c, took, err)
	c.followed.LogRefused(c.log)
	fields := []any{
		"pages", c.Pages,
		"indicators", c.Indicators,
		"unreadable", c.Unreadable,
		"bytes", c.Bytes,
		"collected", c.state.Collected,
		"duration_ms", took.Milliseconds(),
	}
	if c.Total >= 0 {
		fields = append(fields, "total", c.Total)
	}
	if c.RepeatsSkipped > 0 {
		fields = append(fields, "repeats_skipped", c.RepeatsSkipped)
	}
	if err != nil {
		c.log.Errorw(fmt.Sprintf("The cycle failed: %s", err), append(fields, "next_attempt_in", c.interval.String())...)
		c.health.Set(health.Cycle, health.Degraded, err.Error())
		return
	}
	c.log.Infow("The cycle is complete.", fields...)
	c.health.Clear(health.Cycle)
}

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
			c.mapper.forget(page)
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
