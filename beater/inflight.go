// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beater

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/monitoring"
)

// inflight counts the events that the queue holds or the output works on.
type inflight struct {
	active *monitoring.Int
	added  *monitoring.Uint
	done   *monitoring.Uint
	onACK  func(events int) // nil for none
}

func newInflight(reg *monitoring.Registry, onACK func(events int)) *inflight {
	return &inflight{
		active: monitoring.NewInt(reg, "threatqbeat.events.active"),
		added:  monitoring.NewUint(reg, "threatqbeat.events.added"),
		done:   monitoring.NewUint(reg, "threatqbeat.events.done"),
		onACK:  onACK,
	}
}

// AddEvent counts an event that was published and not dropped by a processor.
func (f *inflight) AddEvent(_ beat.Event, published bool) {
	if published {
		f.added.Inc()
		f.active.Inc()
	}
}

// ACKEvents counts events that the output has acknowledged.
func (f *inflight) ACKEvents(n int) {
	f.done.Add(uint64(n))
	f.active.Sub(int64(n))
	if f.onACK != nil {
		f.onACK(n)
	}
}

// ClientClosed is part of beat.EventListener; events of a closed client are
// still acknowledged.
func (f *inflight) ClientClosed() {}

// wait waits until nothing is in flight, and reports whether that was within the limit.
func (f *inflight) wait(limit time.Duration) bool {
	end := time.Now().Add(limit)
	for f.active.Get() > 0 {
		if !time.Now().Before(end) {
			return false
		}
		time.Sleep(5 * time.Millisecond)
	}
	return true
}

// awaitClosed waits for a channel to be closed, for as long as the limit allows.
func awaitClosed(closed <-chan struct{}, limit time.Duration) {
	select {
	case <-closed:
	case <-time.After(limit):
	}
}

// drainingPipeline is the publisher pipeline, but that Close stops the inputs
// and waits for their events first.
type drainingPipeline struct {
	beat.Pipeline
	drain    func()
	stopOnce sync.Once
	stopped  chan struct{} // closed once no input runs any more
	closing  atomic.Bool
	closed   chan struct{} // closed at the end of Close
	limit    time.Duration // how long to wait for that
}

func newDrainingPipeline(pipeline beat.Pipeline, drain func(), limit time.Duration) *drainingPipeline {
	return &drainingPipeline{
		Pipeline: pipeline, drain: drain, limit: limit,
		stopped: make(chan struct{}), closed: make(chan struct{}),
	}
}

// inputsStopped says that no input runs any more. In case that closing the
// pipeline is what stopped them, it waits until that is done, as long as the
// limit allows: an output may hang.
func (p *drainingPipeline) inputsStopped() {
	p.stopOnce.Do(func() { close(p.stopped) })
	if p.closing.Load() {
		awaitClosed(p.closed, p.limit)
	}
}

// Close drains and closes the pipeline, and returns when the limit has passed
// though the pipeline isn't closed: some outputs can't be while they connect to
// a server that says nothing. It is called at most once.
func (p *drainingPipeline) Close() error {
	p.closing.Store(true)
	defer close(p.closed)
	limit := time.After(p.limit)
	p.drain()
	failed := make(chan error, 1)
	go func() {
		defer close(failed)
		if closer, ok := p.Pipeline.(io.Closer); ok {
			failed <- closer.Close()
		}
	}()
	select {
	case err := <-failed:
		return err
	case <-limit:
		return fmt.Errorf("closing the output: it is still waiting for its server after %s; what it has not acknowledged is collected again at the next start", p.limit)
	}
}
