// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"fmt"

	"github.com/elastic/beats/v7/libbeat/publisher"
	"github.com/elastic/elastic-agent-libs/logp"
)

// Reports is told how an output fares. Its methods may be called from any
// goroutine and must not block.
type Reports interface {
	// Held says why an output takes no events for now, "" when it takes them.
	// They are sent again until it does.
	Held(reason string)
	// Refused names events that the receiving end will never take, and why. It is
	// called before they are acknowledged.
	Refused(events []publisher.Event, reason string)
}

// Log is told how an output fares, and logs what was refused.
type Log struct{}

// Held does nothing: the output logs it.
func (Log) Held(string) {}

// Refused names the events in one line, and has them whole in the log of events.
func (Log) Refused(events []publisher.Event, reason string) {
	log := logp.NewLogger("output")
	for i := range events {
		event := &events[i].Content
		log.Errorw("The output refuses an indicator for its content. It is left out, and kept in the log of events.",
			"key", event.Meta["indicator_key"], "reason", reason)
		log.Errorw(fmt.Sprintf("Refused event: %v", event.Fields), logp.TypeKey, logp.EventType)
	}
}
