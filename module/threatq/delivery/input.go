// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/module/threatq/health"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// maxMissing bounds how many refused indicators are remembered, and maxNamed how many
// a message names.
const (
	maxMissing = 10_000
	maxNamed   = 10
)

// Input follows the events of one input. Its methods may be called from any
// goroutine.
type Input struct {
	id        string
	tracker   *Tracker
	plain     *origin // of the events without private data
	onRefused func(registry.Indicator)

	mu       sync.Mutex
	sizes    []int64   // what Reserve was asked for, by the order of publishing
	waiting  int       // events published and not acknowledged
	progress time.Time // when the output last acknowledged, or when it was first asked to
	held     int       // events that the output refuses for now
	heldWhy  string

	refused  uint64                          // documents refused for their content
	missing  map[registry.Indicator]struct{} // of these, what has not been accepted since
	lastWhy  string
	unlogged []string // the first of those refused since LogRefused
	news     int      // how many these are
}

// OnRefused has f called with each indicator that the output refuses for its
// content, before its event is acknowledged. f must not block.
func (in *Input) OnRefused(f func(registry.Indicator)) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.onRefused = f
}

// Reserve waits until an indicator of so many bytes may be published. It is to be
// called once before each event.
func (in *Input) Reserve(ctx context.Context, bytes int) error {
	if err := in.tracker.reserve(ctx, int64(bytes)); err != nil {
		return err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.sizes = append(in.sizes, int64(bytes))
	return nil
}

// Refused returns how many documents were refused for their content so far.
func (in *Input) Refused() uint64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.refused
}

// LogRefused writes one line about the documents that were refused for their content
// since the last call, if there are any, and one about those of no known input.
func (in *Input) LogRefused(log *logp.Logger) {
	if in != in.tracker.unnamed {
		in.tracker.unnamed.LogRefused(log)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.news == 0 {
		return
	}
	names := in.unlogged
	if more := in.news - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	log.Errorw(fmt.Sprintf("The output refused %s for the content: %s. Each is kept in the log of events and was acknowledged. The last reason: %s",
		english.Plural(in.news, "document", ""), strings.Join(names, ", "), in.lastWhy),
		"refused", in.news, "missing", len(in.missing))
	in.unlogged, in.news = nil, 0
}

// published counts an event that the queue is about to take.
func (in *Input) published() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.waiting == 0 {
		in.progress = time.Now()
	}
	in.waiting++
}

// dropped forgets an event that a processor dropped.
func (in *Input) dropped() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.settle(1)
}

// acknowledged counts events that the output has acknowledged.
func (in *Input) acknowledged(events int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.waiting -= events
	in.progress = time.Now()
	in.settle(events)
	in.setOutput(in.progress)
}

// settle makes room for the next events, because so many are no longer in flight.
func (in *Input) settle(events int) {
	events = min(events, len(in.sizes))
	in.tracker.release(in.sizes[:events])
	in.sizes = in.sizes[:copy(in.sizes, in.sizes[events:])]
}

// hold counts an event that the output refuses for now.
func (in *Input) hold(first bool, why string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if first {
		in.held++
	}
	in.heldWhy = why
}

// release counts an event that is no longer held.
func (in *Input) release() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.held--
}

// refuse counts a document that was refused for its content.
func (in *Input) refuse(indicator registry.Indicator, why string) {
	in.tracker.refused.Inc()
	in.mu.Lock()
	defer in.mu.Unlock()
	in.refused++
	in.news++
	in.lastWhy = why
	if len(in.unlogged) < maxNamed {
		in.unlogged = append(in.unlogged, indicator.String())
	}
	if len(in.missing) < maxMissing {
		in.missing[indicator] = struct{}{}
	}
	if in.onRefused != nil && indicator.Named() {
		in.onRefused(indicator)
	}
	in.setRefused()
}

// accepted is called for a document that the output took.
func (in *Input) accepted(indicator registry.Indicator) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.missing) == 0 {
		return
	}
	delete(in.missing, indicator)
	in.setRefused()
}

// look updates the health for what has changed with the time.
func (in *Input) look(now time.Time) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.setOutput(now)
	in.setRefused() // the input may have been started anew
}

// keeper returns the keeper of the input's health, nil when it doesn't run.
func (in *Input) keeper() *health.Keeper {
	if in == in.tracker.unnamed {
		return in.tracker.board.Shared()
	}
	return in.tracker.board.Of(in.id)
}

func (in *Input) setOutput(now time.Time) {
	keeper := in.keeper()
	limit := in.tracker.settings.MaxAckDelay
	why := blocked.Load()
	switch {
	case why != nil && *why != "" && in.waiting > 0:
		keeper.Set(health.Output, health.Degraded, *why)
	case in.held > 0:
		keeper.Set(health.Output, health.Degraded, fmt.Sprintf("Elasticsearch refuses %s, which are held and sent again until it accepts them: %s",
			english.Plural(in.held, "document", ""), in.heldWhy))
	case in.waiting > 0 && limit > 0 && now.Sub(in.progress) >= limit:
		keeper.Set(health.Output, health.Degraded, fmt.Sprintf(
			"the output has acknowledged nothing for %s with events waiting (max_ack_delay): %s", limit, silence(in.progress)))
	default:
		keeper.Clear(health.Output)
	}
}

func (in *Input) setRefused() {
	keeper := in.keeper()
	if len(in.missing) == 0 {
		keeper.Clear(health.Refused)
		return
	}
	keeper.Set(health.Refused, health.Degraded, fmt.Sprintf(
		"the output refused %s for the content, which it lacks now; the log names them, and the log of events has them whole. Correct the mapping or the indicators. The last reason: %s",
		english.Plural(len(in.missing), "document", ""), in.lastWhy))
}
