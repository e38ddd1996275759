// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/common"

	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// announced and announcedBytes are how many events are announced to the registry
// together at most.
const (
	announced      = 64
	announcedBytes = 1 << 20
)

// announcer publishes events, and has the registry know of each before.
type announcer struct {
	session *registry.Session // nil keeps nothing
	forward publishFunc
	// reserve waits until an event of so many bytes may be in flight; nil never waits.
	reserve func(bytes int) error

	events  []waiting
	bytes   int // of these
	entries []registry.Entry
	// touched are the versions that cycles have published since a sweep began, nil
	// between sweeps.
	touched map[registry.Indicator]registry.Version
}

// waiting is an event that waits for its announcement.
type waiting struct {
	event  beat.Event
	update any
	size   int
}

func newWaiting(event beat.Event, update any) waiting {
	size, _ := event.Private.(int)
	event.Private = nil
	return waiting{event, update, size}
}

// publish publishes an event with the others of its announcement: at once when a
// cursor comes with it. The event's private data is its size in bytes.
func (a *announcer) publish(event beat.Event, update any) error {
	if a.session == nil {
		return a.send(newWaiting(event, update))
	}
	entry := entryOf(event)
	if a.touched != nil {
		a.touched[entry.Indicator] = entry.Version
	}
	return a.add(event, update, entry)
}

func (a *announcer) retire(event beat.Event, indicator registry.Indicator) error {
	return a.add(event, nil, registry.Entry{Indicator: indicator, Version: registry.Gone})
}

func (a *announcer) add(event beat.Event, update any, entry registry.Entry) error {
	next := newWaiting(event, update)
	a.events, a.bytes = append(a.events, next), a.bytes+next.size
	a.entries = append(a.entries, entry)
	if update == nil && len(a.events) < announced && a.bytes < announcedBytes {
		return nil
	}
	return a.flush()
}

func (a *announcer) flush() error {
	if len(a.events) == 0 {
		return nil
	}
	defer func() {
		clear(a.events)
		a.events, a.entries, a.bytes = a.events[:0], a.entries[:0], 0
	}()
	a.session.Announce(a.entries)
	for i := range a.events {
		err := a.session.Publish(func() error { return a.send(a.events[i]) })
		if err != nil {
			a.session.Abandon()
			return err
		}
	}
	return nil
}

func (a *announcer) send(next waiting) error {
	if a.reserve != nil {
		if err := a.reserve(next.size); err != nil {
			return err
		}
	}
	return a.forward(next.event, next.update)
}

func entryOf(event beat.Event) registry.Entry {
	var updated time.Time
	switch at := registry.FieldOf(&event, "updated_at").(type) {
	case common.Time:
		updated = time.Time(at)
	case date:
		updated = at.time()
	}
	return registry.Entry{Indicator: registry.IndicatorOf(&event), Version: registry.VersionOf(updated)}
}
