// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/threatqbeat/threatqbeat/module/threatq/client"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// walk is the way of a sweep through the data collection.
type walk struct {
	mark     string
	marks    loopDetector[string]
	contents loopDetector[uint64]
	again    int // pages whose contents came before

	pages int // of identifiers
	whole int // of whole indicators
	// elements is what the pages held: unreadable of them can't be read, repeated
	// came before, and newer have a later date than anything that was published
	// when the sweep began.
	elements, unreadable, repeated, newer int
	// total is the last that the appliance told, -1 for none, and variation how much
	// it changed from page to page.
	total, variation int64
}

// page compares a page of identifiers.
func (s *sweeper) page(ctx context.Context) (step, error) {
	w := &s.current.walk
	page, err := s.pages.PageOf(ctx, w.mark, sweepFields)
	defer page.Release()
	if err != nil {
		return nil, err
	}
	w.pages++
	if page.Total >= 0 {
		if w.total >= 0 {
			w.variation += max(page.Total-w.total, w.total-page.Total)
		}
		w.total = page.Total
	}
	wanted := s.compare(page)
	next, err := s.follow(page)
	if err != nil || len(wanted) == 0 {
		return next, err
	}
	from := w.mark
	return func(ctx context.Context) (step, error) { return next, s.fetch(ctx, from, wanted) }, nil
}

// follow returns the step that a page leads to.
func (s *sweeper) follow(page *client.Page) (step, error) {
	w := &s.current.walk
	switch {
	case page.NextCursorMark == page.Mark:
		return s.decide, nil
	case page.NextCursorMark == "" && w.total >= 0:
		// The total tells whether this is the end.
		return s.decide, nil
	case page.NextCursorMark == "":
		return nil, errors.New("the appliance sent a page without a next cursor and without a total, so that its end is not certain")
	}
	if len(page.Indicators) > 0 && w.contents.seen(sumOf(page)) {
		w.again++
	}
	if w.marks.seen(page.NextCursorMark) || w.again >= maxRepeats {
		return nil, errCursorLoop
	}
	mark := page.NextCursorMark
	return func(ctx context.Context) (step, error) {
		w.mark = mark
		return s.page(ctx)
	}, nil
}

// compare marks what the page holds as seen, and returns what is not known of it,
// or in an older version only.
func (s *sweeper) compare(page *client.Page) map[registry.Indicator]bool {
	w, now := s.current, time.Now()
	var wanted map[registry.Indicator]bool
	for i := range page.Indicators {
		w.walk.elements++
		brief, err := s.run.mapper.pageBrief(page, i, now)
		if err != nil {
			w.walk.unreadable++
			continue
		}
		entry := brief.Entry
		place, version, known := w.known.Find(entry.Indicator)
		if known {
			bit := uint64(1) << (place % 64)
			if w.seen[place/64]&bit != 0 {
				w.walk.repeated++
			}
			w.seen[place/64] |= bit
		}
		touched, isTouched := s.out.touched[entry.Indicator]
		switch {
		case w.latest > registry.Undated && entry.Version > w.latest:
			// It came or changed since: the next cycle brings it.
			w.walk.newer++
		case known && version >= entry.Version, isTouched && touched >= entry.Version:
		default:
			if wanted == nil {
				wanted = map[registry.Indicator]bool{}
			}
			wanted[entry.Indicator] = true
		}
	}
	return wanted
}

// fetch publishes what is wanted of a page. What is not on it any more has changed,
// and comes with the next cycle.
func (s *sweeper) fetch(ctx context.Context, mark string, wanted map[registry.Indicator]bool) error {
	w := s.current
	page, err := s.pages.Page(ctx, mark)
	defer page.Release()
	if err != nil {
		return err
	}
	w.walk.whole++
	now := time.Now()
	published := 0
	for i, raw := range page.Indicators {
		brief, err := s.run.mapper.pageBrief(page, i, now)
		if err != nil {
			continue
		}
		entry := brief.Entry
		if touched, ok := s.out.touched[entry.Indicator]; !wanted[entry.Indicator] || ok && touched >= entry.Version {
			continue
		}
		event, err := s.run.mapper.pageEvent(page, i, now)
		if err != nil {
			continue // published as a pipeline error by the cycle
		}
		delete(wanted, entry.Indicator)
		event.Private = sizeOf(event.Fields, raw)
		if err := s.out.add(event, nil, entry); err != nil {
			return err
		}
		published++
	}
	w.missing += published
	s.metrics.published(published)
	return s.out.flush()
}

var errEmpty = errors.New("the data collection is empty, which is looked at once more before it counts")

// agrees returns why what was seen can't be all of the collection.
func (s *sweeper) agrees() error {
	w := &s.current.walk
	if w.elements == 0 && s.current.known.Len() > 0 && !s.empty {
		return errEmpty
	}
	if w.total < 0 {
		return nil
	}
	if most := max(10, int64(s.current.known.Len()/100)); w.variation > most {
		return fmt.Errorf("the data collection's total changed by %d during the sweep, and up to %d is taken for ordinary: the appliance may be rebuilding its index", w.variation, most)
	}
	indicators := int64(w.elements - w.repeated)
	if most := w.total + w.variation + int64(w.newer+w.unreadable+len(s.out.touched)); indicators+w.variation < w.total || indicators > most {
		return fmt.Errorf("the pages held %d indicators, and the appliance counts %d", indicators, w.total)
	}
	return nil
}
