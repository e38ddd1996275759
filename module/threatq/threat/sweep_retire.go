// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"context"
	"fmt"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// RetiredReason is the threatq.ioc_expiration_reason of a retired indicator.
const RetiredReason = "Expiration set since ThreatQ's data collection no longer holds the indicator"

// heldBackError says that a sweep would retire too many indicators.
type heldBackError struct {
	id                   string
	absent, known, limit int
}

func (e *heldBackError) Error() string {
	return fmt.Sprintf("%d of %d known indicators are not in the data collection any more, and reconcile.max_removed allows for %d: none is retired until the collection is back or somebody agrees: threatqbeat cursor accept --input %s",
		e.absent, e.known, e.limit, e.id)
}

// decide finds what is known and not in the collection, and what is retired of it.
func (s *sweeper) decide(context.Context) (step, error) {
	w := s.current
	for place, entry := range w.known.All() {
		if w.seen[place/64]&(1<<(place%64)) == 0 && !s.touched(entry.Indicator) {
			w.absent = append(w.absent, entry.Indicator)
		}
	}
	var retire []registry.Indicator
	err := s.in.env.Known.Settle(s.in.known, w.absent, func(running, stopped map[registry.Indicator]bool) ([]registry.Indicator, error) {
		var forget []registry.Indicator
		for _, indicator := range w.absent {
			switch {
			case running[indicator]:
				// The other input retires it when its collection holds it no longer.
				forget = append(forget, indicator)
				w.elsewhere++
			case stopped[indicator]:
				// Nobody would, so that it stays known.
				w.elsewhere++
			default:
				retire = append(retire, indicator)
			}
		}
		limit := s.in.cfg.Reconcile.MaxRemoved.Of(w.known.Len())
		if removed := len(retire) + len(forget); removed > max(limit, s.in.known.Accepted()+limit) {
			return nil, &heldBackError{s.in.cfg.ID, removed, w.known.Len(), limit}
		}
		return forget, nil
	})
	if err != nil {
		return nil, err
	}
	return s.retire(retire), nil
}

func (s *sweeper) touched(i registry.Indicator) bool {
	_, ok := s.out.touched[i]
	return ok
}

// retire returns the step that retires a page of indicators, and the rest in
// further ones.
func (s *sweeper) retire(indicators []registry.Indicator) step {
	return func(context.Context) (step, error) {
		now := time.Now()
		w := s.current
		page := indicators[:min(len(indicators), s.in.cfg.PageSize)]
		for _, indicator := range page {
			if s.touched(indicator) { // it is back
				continue
			}
			if err := s.out.retire(s.run.mapper.Retired(indicator, now), indicator); err != nil {
				return nil, err
			}
			w.retired = append(w.retired, indicator)
		}
		if err := s.out.flush(); err != nil {
			return nil, err
		}
		if len(page) < len(indicators) {
			return s.retire(indicators[len(page):]), nil
		}
		// The sweep ends once all of it has arrived: after a crash before that,
		// another one comes at once.
		w.settle, _ = s.in.session.Progress()
		return func(context.Context) (step, error) { return nil, nil }, nil
	}
}

// Retired makes the event that retires an indicator: with its identifiers, and
// expired now because the data collection no longer holds it.
func (m *Mapper) Retired(i registry.Indicator, now time.Time) beat.Event {
	b := m.newBuilder()
	b.fetchedAt(now)
	fields := mapstr.M{"event": b.eventFields(kindEnrichment, nil)}
	start := b.begin()
	b.putIDs(i)
	b.putDate("ioc_expired_at", b.fetched)
	b.put("ioc_expiration_reason", RetiredReason)
	fields["threatq"] = b.end(start)
	return m.complete(beat.Event{Timestamp: b.fetched.time(), Meta: m.keyOf(i), Fields: fields})
}
