// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"slices"
	"sync/atomic"

	"github.com/elastic/beats/v7/libbeat/outputs"
	"github.com/elastic/beats/v7/libbeat/publisher"
)

// attempt is a batch that an output is given in place of the pipeline's, to learn
// what becomes of it before the pipeline does. It ends once.
type attempt struct {
	events []publisher.Event
	failed chan []publisher.Event // what the output would have sent again, once it is done
}

func newAttempt(events []publisher.Event) *attempt {
	// The output may reorder what it is given.
	return &attempt{slices.Clone(events), make(chan []publisher.Event, 1)}
}

func (a *attempt) end(failed []publisher.Event) {
	select {
	case a.failed <- failed:
	default: // ended before
	}
}

// Events returns the events to publish.
func (a *attempt) Events() []publisher.Event { return a.events }

// ACK ends the attempt: the output is done with all events. Some outputs have
// dropped a few.
func (a *attempt) ACK() { a.end(nil) }

// Drop ends the attempt with nothing delivered.
func (a *attempt) Drop() { a.end(a.events) }

// Retry ends the attempt with nothing delivered.
func (a *attempt) Retry() { a.end(a.events) }

// RetryEvents ends the attempt with all delivered but those.
func (a *attempt) RetryEvents(events []publisher.Event) { a.end(events) }

// SplitRetry ends nothing: who made the attempt divides it.
func (a *attempt) SplitRetry() bool { return false }

// Cancelled ends the attempt with nothing delivered.
func (a *attempt) Cancelled() { a.end(a.events) }

var _ publisher.Batch = (*attempt)(nil)

// tally is the observer of an output whose batches are attempts: it counts the
// events that the output drops, and leaves it to whoever makes the attempts to
// count the events of the pipeline. The rest it passes on.
type tally struct {
	outputs.Observer
	dropped atomic.Int64
}

// Dropped returns how many events were dropped since the last call.
func (t *tally) Dropped() int { return int(t.dropped.Swap(0)) }

// PermanentErrors counts dropped events.
func (t *tally) PermanentErrors(n int) { t.dropped.Add(int64(n)) }

// NewBatch does nothing.
func (t *tally) NewBatch(int) {}

// AckedEvents does nothing.
func (t *tally) AckedEvents(int) {}

// RetryableErrors does nothing.
func (t *tally) RetryableErrors(int) {}
