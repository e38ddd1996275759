// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"cmp"
	"context"
	"fmt"
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
	for i, raw := range page.Indicators {
		event, unreadable := c.mapper.Event(raw, c.fetchedAt)
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
		event.Private = c.mapper.sizeOf(raw)
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

// isRepeat tells a page that comes again in each cycle, for its cursor is stuck,
// missing or lost with the page's end, from one with news. The first such page
// is published.
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
