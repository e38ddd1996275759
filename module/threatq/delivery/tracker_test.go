// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/monitoring"

	"github.com/threatqbeat/threatqbeat/module/threatq/health"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

func newTestTracker(settings Settings) (*Tracker, *health.Board) {
	board := &health.Board{}
	return NewTracker(settings, board, monitoring.NewRegistry()), board
}

// What is in flight is bounded in bytes, over all inputs; the acknowledgement of one
// makes room for another.
func TestBytesInFlightAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracker, _ := newTestTracker(Settings{MaxInFlight: 100})
		one, two := tracker.Input("one"), tracker.Input("two")
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, one.Reserve(ctx, 60))
		one.published()
		require.NoError(t, two.Reserve(ctx, 40))
		two.published()

		reserved := make(chan error)
		go func() { reserved <- two.Reserve(ctx, 50) }()
		synctest.Wait()
		select {
		case <-reserved:
			t.Fatal("110 bytes are in flight")
		default:
		}
		one.acknowledged(1)
		require.NoError(t, <-reserved)
		two.dropped() // by a processor: 40 of the 90
		assert.EqualValues(t, 50, tracker.bytes.Get())

		// What is larger than the limit goes alone.
		go func() { reserved <- one.Reserve(ctx, 1000) }()
		synctest.Wait()
		two.acknowledged(1)
		require.NoError(t, <-reserved)

		// A shutdown waits for nothing.
		go func() { reserved <- two.Reserve(ctx, 1) }()
		synctest.Wait()
		cancel()
		assert.ErrorIs(t, <-reserved, context.Canceled)
	})
}

func TestReserveFromManyGoroutines(t *testing.T) {
	tracker, _ := newTestTracker(Settings{MaxInFlight: 50})
	in := tracker.Input("one")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				if in.Reserve(t.Context(), 10) != nil {
					return
				}
				in.published()
				assert.LessOrEqual(t, tracker.bytes.Get(), int64(50))
				in.acknowledged(1)
			}
		})
	}
	wg.Wait()
	assert.Zero(t, tracker.bytes.Get())
	assert.Zero(t, in.waiting)
}

// An output that acknowledges nothing is noticed by the input whose events wait, and by
// no other.
func TestOutputThatAcknowledgesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracker, board := newTestTracker(Settings{MaxInFlight: 100, MaxAckDelay: time.Minute})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go tracker.Watch(ctx)
		waits, idle := board.Start("waits"), board.Start("idle")
		waits.Clear(health.Cycle)
		idle.Clear(health.Cycle)
		tracker.Input("idle").published()
		tracker.Input("idle").acknowledged(1)
		time.Sleep(time.Hour)
		in := tracker.Input("waits")
		in.published()
		in.published()

		time.Sleep(59 * time.Second)
		assert.Equal(t, health.Condition{}, waits.Worst())
		in.acknowledged(1)
		time.Sleep(59 * time.Second)
		assert.Equal(t, health.Condition{}, waits.Worst())
		time.Sleep(2 * time.Second)
		assert.Equal(t, health.Condition{State: health.Degraded, Source: health.Output,
			Reason: "the output has acknowledged nothing for 1m0s with events waiting (max_ack_delay): is it reachable? The log says what it answers"}, waits.Worst())
		assert.Equal(t, health.Condition{}, idle.Worst())

		// The input is started anew, and what the old one published still waits.
		board.Stop("waits", waits)
		waits = board.Start("waits")
		time.Sleep(2 * time.Second)
		assert.Equal(t, health.Output, waits.Worst().Source)
		in.acknowledged(1)
		assert.NotEqual(t, health.Output, waits.Worst().Source)
	})
}

// The input's listener sees its events as it published them, and the output knows whose
// they are.
func TestEventsCarryTheirOrigin(t *testing.T) {
	tracker, _ := newTestTracker(Settings{MaxInFlight: 100})
	in := tracker.Input("one")
	fake := &fakePipeline{}
	listens := &recorder{}
	c, err := in.Pipeline(fake).ConnectWith(beat.ClientConfig{EventListener: listens})
	require.NoError(t, err)
	c.Publish(beat.Event{Private: "cursor"})
	c.PublishAll([]beat.Event{{}, {Private: "another"}})
	for _, event := range fake.events {
		from, ok := event.Private.(*origin)
		require.True(t, ok)
		assert.Same(t, in, from.input)
		fake.cfg.EventListener.AddEvent(event, true)
	}
	assert.Equal(t, []any{"cursor", nil, "another"}, listens.private)
	assert.Equal(t, 3, in.waiting)
	fake.cfg.EventListener.ACKEvents(3)
	fake.cfg.EventListener.ClientClosed()
	assert.Equal(t, 0, in.waiting)
	assert.Equal(t, 3, listens.acked)
	assert.True(t, listens.closed)
}

// An event that no input has published is followed by none.
func TestEventsOfNoInput(t *testing.T) {
	in := inputOf(&beat.Event{Private: "of somebody else"})
	assert.Same(t, nobody, in)
	in.hold(true, "")
	in.release()
	in.refuse(registry.Indicator{}, "")
	in.accepted(registry.Indicator{})
	in.look(time.Now())
}

// While a Tracker watches, it answers for such an event: it may be one of its inputs'
// that came back from the queue on disk.
func TestEventsOfAnUnknownInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board, reg := &health.Board{}, monitoring.NewRegistry()
		tracker := NewTracker(Settings{}, board, reg)
		ctx, cancel := context.WithCancel(t.Context())
		go tracker.Watch(ctx)
		synctest.Wait()
		in := inputOf(&beat.Event{})
		in.hold(true, "why")
		in.refuse(registry.Indicator{ID: 1, IndicatorID: registry.Missing}, "wrong")
		time.Sleep(2 * time.Second)
		conditions := board.Shared().Conditions()
		require.Len(t, conditions, 2)
		assert.Contains(t, conditions[0].Reason, "why")
		assert.Contains(t, conditions[1].Reason, "wrong")
		assert.EqualValues(t, 1, tracker.refused.Get())
		in.release()
		in.accepted(registry.Indicator{ID: 1, IndicatorID: registry.Missing})
		time.Sleep(2 * time.Second)
		assert.Empty(t, board.Shared().Conditions())
		cancel()
		synctest.Wait()
		assert.Same(t, nobody, inputOf(&beat.Event{}))
	})
}

type fakePipeline struct {
	beat.Pipeline
	beat.Client
	cfg    beat.ClientConfig
	events []beat.Event
}

func (p *fakePipeline) ConnectWith(cfg beat.ClientConfig) (beat.Client, error) {
	p.cfg = cfg
	return p, nil
}
func (p *fakePipeline) Publish(event beat.Event)       { p.events = append(p.events, event) }
func (p *fakePipeline) PublishAll(events []beat.Event) { p.events = append(p.events, events...) }

type recorder struct {
	private []any
	acked   int
	closed  bool
}

func (r *recorder) AddEvent(e beat.Event, _ bool) { r.private = append(r.private, e.Private) }
func (r *recorder) ACKEvents(n int)               { r.acked += n }
func (r *recorder) ClientClosed()                 { r.closed = true }
