// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"github.com/elastic/beats/v7/libbeat/publisher"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/module/threatq/delivery"
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

// Delivery makes an output's reports part of the health and the metrics of the inputs.
type Delivery struct{ Log *logp.Logger }

// Held says why the output takes nothing for now.
func (Delivery) Held(reason string) { delivery.Blocked(reason) }

// Refused takes note of events that were refused for their content.
func (d Delivery) Refused(events []publisher.Event, reason string) {
	delivery.Refuse(d.Log, events, reason)
}
