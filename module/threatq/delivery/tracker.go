// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/common/acker"
	"github.com/elastic/beats/v7/libbeat/publisher/pipetool"
	"github.com/elastic/elastic-agent-libs/monitoring"
	"github.com/elastic/go-concert/timed"

	"github.com/threatqbeat/threatqbeat/module/threatq/health"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// Settings bound what a Tracker lets through.
type Settings struct {
	// MaxInFlight is how many bytes of indicators may be published and not yet
	// acknowledged, over all inputs.
	MaxInFlight int64
	// MaxAckDelay is how long the output may acknowledge nothing, with events
	// waiting, before the inputs that they are from are degraded. 0: for ever.
	MaxAckDelay time.Duration
}

// Tracker follows the events of all inputs. Its methods may be called from any
// goroutine.
type Tracker struct {
	settings Settings
	board    *health.Board
	refused  *monitoring.Uint // documents refused for their content
	bytes    *monitoring.Int  // in flight

	room *semaphore.Weighted

	// unnamed stands for the inputs of events that came back from the queue on disk,
	// which keeps nothing about where they are from.
	unnamed *Input

	mu     sync.Mutex
	inputs map[string]*Input
}

// NewTracker returns a Tracker that sets the health of the inputs on the board and
// adds its figures to the registry.
func NewTracker(settings Settings, board *health.Board, reg *monitoring.Registry) *Tracker {
	t := &Tracker{
		settings: settings,
		board:    board,
		refused:  monitoring.NewUint(reg, "indicators.refused"),
		bytes:    monitoring.NewInt(reg, "events.active_bytes"),
		room:     semaphore.NewWeighted(settings.MaxInFlight),
		inputs:   map[string]*Input{},
	}
	t.unnamed = newInput("", t)
	return t
}

func newInput(id string, t *Tracker) *Input {
	in := &Input{id: id, tracker: t, missing: map[registry.Indicator]struct{}{}}
	in.plain = &origin{input: in}
	return in
}

// Input returns what is known of the events of an input. It outlives the input: what
// one has published may be acknowledged when another with its id runs.
func (t *Tracker) Input(id string) *Input {
	t.mu.Lock()
	defer t.mu.Unlock()
	in := t.inputs[id]
	if in == nil {
		in = newInput(id, t)
		t.inputs[id] = in
	}
	return in
}

// Watch checks each second whether the output acknowledges nothing, until ctx is done.
// Meanwhile it answers for events whose input isn't known.
func (t *Tracker) Watch(ctx context.Context) {
	unnamed.Store(t.unnamed)
	defer unnamed.CompareAndSwap(t.unnamed, nil)
	_ = timed.Periodic(ctx, time.Second, func() error {
		t.mu.Lock()
		inputs := append(slices.Collect(maps.Values(t.inputs)), t.unnamed)
		t.mu.Unlock()
		for _, in := range inputs {
			in.look(time.Now())
		}
		return nil
	})
}

// reserve waits until so many bytes may be in flight as well. More than the limit is
// let through alone.
func (t *Tracker) reserve(ctx context.Context, bytes int64) error {
	if err := t.room.Acquire(ctx, min(bytes, t.settings.MaxInFlight)); err != nil {
		return err
	}
	t.bytes.Add(bytes)
	return nil
}

func (t *Tracker) release(sizes []int64) {
	var total, room int64
	for _, bytes := range sizes {
		total += bytes
		room += min(bytes, t.settings.MaxInFlight)
	}
	t.bytes.Sub(total)
	t.room.Release(room)
}

// origin goes with an event as its private data, so that the output knows the input.
type origin struct {
	input   *Input
	private any // what the event had before
}

// inputOf returns the input that has published an event.
func inputOf(event *beat.Event) *Input {
	if from, ok := event.Private.(*origin); ok {
		return from.input
	}
	if in := unnamed.Load(); in != nil {
		return in
	}
	return nobody
}

// unnamed is what the Tracker has for such events that watches the output. That belongs
// to the process, as what replaces outputs does.
var unnamed atomic.Pointer[Input]

// nobody stands for it where no Tracker watches.
var nobody = NewTracker(Settings{}, &health.Board{}, monitoring.NewRegistry()).Input("")

// Pipeline returns a pipeline whose clients publish events of the input.
func (in *Input) Pipeline(pipeline beat.PipelineConnector) beat.PipelineConnector {
	pipeline = pipetool.WithClientConfigEdit(pipeline, func(cfg beat.ClientConfig) (beat.ClientConfig, error) {
		if cfg.EventListener == nil {
			cfg.EventListener = acker.Nil()
		}
		cfg.EventListener = &listener{input: in, next: cfg.EventListener}
		return cfg, nil
	})
	return pipetool.WithClientWrapper(pipeline, func(c beat.Client) beat.Client { return &client{Client: c, input: in} })
}

// client says which input the events are from.
type client struct {
	beat.Client
	input *Input
}

func (c *client) Publish(event beat.Event) {
	c.setOrigin(&event)
	c.Client.Publish(event)
}

func (c *client) PublishAll(events []beat.Event) {
	for i := range events {
		c.setOrigin(&events[i])
	}
	c.Client.PublishAll(events)
}

func (c *client) setOrigin(event *beat.Event) {
	if event.Private == nil {
		event.Private = c.input.plain
		return
	}
	event.Private = &origin{input: c.input, private: event.Private}
}

// listener follows the events of a client, and shows them to the next listener as
// they were.
type listener struct {
	input *Input
	next  beat.EventListener
}

// AddEvent is called for each event once the processors have run.
func (l *listener) AddEvent(event beat.Event, published bool) {
	if published {
		l.input.published()
	} else {
		l.input.dropped()
	}
	if from, ok := event.Private.(*origin); ok {
		event.Private = from.private
	}
	l.next.AddEvent(event, published)
}

// ACKEvents is called when the output has acknowledged so many events.
func (l *listener) ACKEvents(n int) {
	l.input.acknowledged(n)
	l.next.ACKEvents(n)
}

// ClientClosed is called when the client is closed. Its events are still
// acknowledged.
func (l *listener) ClientClosed() {
	l.next.ClientClosed()
}
