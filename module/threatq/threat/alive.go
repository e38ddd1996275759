// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/mapstr"
)

// kindState is event.kind of an event that is no indicator.
const kindState = "state"

// aliveInterval is the time between two events that say that an input collects, so
// that a rule can tell a data collection in which nothing changes from a feed that
// has stopped.
const aliveInterval = time.Hour

// alive publishes that event when one is due, after a cycle that succeeded.
func (r *runner) alive(now time.Time) error {
	if now.Sub(r.saidAlive) < aliveInterval {
		return nil
	}
	r.saidAlive = now
	if err := r.publish(r.mapper.Alive(now), nil); err != nil {
		return err
	}
	return r.flush()
}

// Alive makes the event that says that an input collects. It has no indicator, so
// that the transform leaves it out.
func (m *Mapper) Alive(now time.Time) beat.Event {
	b := &builder{mapper: m}
	event := b.eventFields(kindState, now)
	delete(event, "category")
	delete(event, "type")
	return m.complete(beat.Event{Timestamp: now, Fields: mapstr.M{"event": event}})
}
