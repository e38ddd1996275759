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
	// comeAgain are pages whose contents came before.
	comeAgain int

	pages int // of identifiers
	whole int // of whole indicators
	// elements is what the pages held: unreadable of them can't be read, repeated
	// came before, and newer have a later date than anything that was published
	// when the sweep began.
	elements, unreadable, repeated, newer int
	// emptyPages were sent one after the other, each with another cursor.
	emptyPages int
	// total is the last that the appliance told, -1 for none, and variation how much
	// it changed from page to page.
	total, variation int64
	// again are pages to look at once more before it is decided what has left.
	again []pageAgain
	// postponed is how many indicators these name.
	postponed int
}

// maxAgain bounds the pages whose marks are kept to look at them once more.
const maxAgain = 1000

// maxSurplus is how many elements beyond twice the known indicators a sweep looks at. An
// appliance whose pages have no end, and never repeat, would keep it going for ever. A
// collection that is larger is known better after each attempt.
const maxSurplus = 10_000_000

// pageAgain is a page that is looked at once more, whole.
type pageAgain struct {
	mark string
	// newer are what a cycle is expected to bring, and is fetched when none does. nil
	// says that the page held identifiers that can't be read.
	newer map[registry.Indicator]registry.Version
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
	differs, newer, unreadable := s.compare(page)
	full := len(w.again) >= maxAgain
	if len(newer) > 0 {
		if full {
			return nil, fmt.Errorf("more than %d pages changed during the sweep, which is too many", maxAgain)
		}
		w.again = append(w.again, pageAgain{w.mark, newer})
		w.postponed += len(newer)
	}
	switch {
	case unreadable && full:
		differs = true
	case unreadable:
		w.again = append(w.again, pageAgain{mark: w.mark})
	}
	next, err := s.follow(page)
	if err != nil || !differs {
		return next, err
	}
	from := w.mark
	return func(ctx context.Context) (step, error) { return next, s.fetch(ctx, from, false) }, nil
}

// follow returns the step that a page leads to.
func (s *sweeper) follow(page *client.Page) (step, error) {
	w := &s.current.walk
	switch {
	case page.NextCursorMark == page.Mark:
		return s.end, nil
	case page.NextCursorMark == "" && w.total >= 0:
		// The total tells whether this is the end.
		return s.end, nil
	case page.NextCursorMark == "":
		return nil, errors.New("the appliance sent a page without a next cursor and without a total, so that its end is not certain")
	}
	if len(page.Indicators) > 0 && w.contents.seen(sumOf(page)) {
		w.comeAgain++
	}
	if w.emptyPages++; len(page.Indicators) > 0 {
		w.emptyPages = 0
	}
	switch {
	case w.marks.seen(page.NextCursorMark) || w.comeAgain >= maxRepeats:
		return nil, errCursorLoop
	case w.emptyPages >= maxEmpty:
		return nil, errEmptyPages
	case w.elements-s.surplus > 2*s.current.known.Len():
		return nil, fmt.Errorf("the pages held %d indicators so far, of which %d came before and %d can't be read, %d are known, and there is no end: check the appliance's search index",
			w.elements, w.repeated, w.unreadable, s.current.known.Len())
	case w.total >= 0 && w.indicators() > s.most():
		return nil, s.disagrees()
	}
	mark := page.NextCursorMark
	return func(ctx context.Context) (step, error) {
		w.mark = mark
		return s.page(ctx)
	}, nil
}

// see marks a known indicator as seen, and returns which version of it is known and
// whether it was seen before.
func (w *sweep) see(i registry.Indicator) (version registry.Version, known, before bool) {
	place, version, known := w.known.Find(i)
	if !known {
		return 0, false, false
	}
	bit := uint64(1) << (place % 64)
	if before = w.seen[place/64]&bit != 0; !before {
		w.seen[place/64] |= bit
		w.unseen--
	}
	return version, true, before
}

// compare marks what the page holds as seen. differs says that it holds something that
// is not known, or in an older version only. newer is what has a later date than all
// that was published when the sweep began: it came or changed since, so that the next
// cycle brings it, unless the cursor lies behind it.
func (s *sweeper) compare(page *client.Page) (differs bool, newer map[registry.Indicator]registry.Version, unreadable bool) {
	w, now := s.current, time.Now()
	for i := range page.Indicators {
		w.walk.elements++
		brief, err := s.run.mapper.pageBrief(page, i, now)
		if err != nil {
			w.walk.unreadable++
			unreadable = true
			continue
		}
		entry := brief.Entry
		version, known, before := w.see(entry.Indicator)
		if before {
			w.walk.repeated++
		}
		switch {
		case w.latest > registry.Undated && entry.Version > w.latest:
			w.walk.newer++
			if newer == nil {
				newer = map[registry.Indicator]registry.Version{}
			}
			newer[entry.Indicator] = max(newer[entry.Indicator], entry.Version)
		case known && version >= entry.Version, s.hasTouched(entry.Indicator, entry.Version):
		default:
			differs = true
		}
	}
	return differs, newer, unreadable
}

func (s *sweeper) hasTouched(i registry.Indicator, version registry.Version) bool {
	touched, ok := s.out.touched[i]
	return ok && touched >= version
}

// end ends the walk.
func (s *sweeper) end(ctx context.Context) (step, error) {
	if err := s.agrees(); err != nil {
		return nil, err
	}
	if w := s.current; w.walk.postponed > 0 {
		w.awaitsCycle = true
		return s.lookAgain, nil
	}
	return s.lookAgain(ctx)
}

// lookAgain looks at a page that is to be looked at once more, and then decides. Of
// pages with something newer a cycle may have brought all, and pages with what can't be
// read tell something only when an indicator was not seen.
func (s *sweeper) lookAgain(ctx context.Context) (step, error) {
	w := s.current
	for len(w.walk.again) > 0 {
		page := w.walk.again[0]
		w.walk.again = w.walk.again[1:]
		needed := page.newer == nil && w.unseen > 0
		for indicator, version := range page.newer {
			needed = needed || !s.hasTouched(indicator, version)
		}
		if needed {
			return s.lookAgain, s.fetch(ctx, page.mark, page.newer != nil)
		}
	}
	return s.decide(ctx)
}

// fetch publishes what is missing of a page, or older. With late that is also what is
// newer than all that was published when the sweep began; else that comes with the next
// cycle, as does what is not on the page any more.
func (s *sweeper) fetch(ctx context.Context, mark string, late bool) error {
	w := s.current
	page, err := s.pages.Page(ctx, mark)
	defer page.Release()
	if err != nil {
		return err
	}
	w.walk.whole++
	now := time.Now()
	published := map[registry.Indicator]registry.Version{}
	for i := range page.Indicators {
		brief, err := s.run.mapper.pageBrief(page, i, now)
		if err != nil {
			continue
		}
		entry := brief.Entry
		version, known, _ := w.see(entry.Indicator)
		same, isPublished := published[entry.Indicator]
		switch {
		case known && version >= entry.Version, isPublished && same >= entry.Version, s.hasTouched(entry.Indicator, entry.Version),
			!late && w.latest > registry.Undated && entry.Version > w.latest:
			continue
		}
		event, err := s.run.mapper.pageEvent(page, i, now)
		if err != nil {
			continue // published as a pipeline error by the cycle
		}
		if err := s.out.add(event, nil, entry); err != nil {
			return err
		}
		published[entry.Indicator] = entry.Version
	}
	w.missing += len(published)
	s.metrics.published(len(published))
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
	if indicators := w.indicators(); indicators+w.variation < w.total || indicators > s.most() {
		return s.disagrees()
	}
	return nil
}

// indicators is how many indicators the pages held.
func (w *walk) indicators() int64 { return int64(w.elements - w.repeated) }

// most is how many they may hold by what the appliance counts.
func (s *sweeper) most() int64 {
	w := &s.current.walk
	return w.total + w.variation + int64(w.newer+w.unreadable+len(s.out.touched))
}

func (s *sweeper) disagrees() error {
	w := &s.current.walk
	return fmt.Errorf("the pages held %d indicators, and the appliance counts %d", w.indicators(), w.total)
}
