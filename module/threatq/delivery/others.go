// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"fmt"
	"sync/atomic"

	"github.com/elastic/beats/v7/libbeat/publisher"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// blocked is why the output takes nothing for now. The output belongs to the process,
// as what replaces it does.
var blocked atomic.Pointer[string]

// Blocked says why the output takes no events for now and what to do, "" when it
// takes them. Inputs with events waiting are degraded for that reason within a second.
func Blocked(why string) { blocked.Store(&why) }

// Refuse takes note of events that the output refuses for their content, before they
// are acknowledged, and writes them to the log of events.
func Refuse(log *logp.Logger, events []publisher.Event, why string) {
	for i := range events {
		event := &events[i].Content
		if m, ok := event.Private.(*mark); ok {
			m.input.refuse(registry.IndicatorOf(event), why)
		}
		log.Warnw(fmt.Sprintf("The output refuses an event: %s: %v", why, event.Fields), logp.TypeKey, logp.EventType)
	}
}
