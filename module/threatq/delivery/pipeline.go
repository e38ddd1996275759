// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/publisher/pipetool"
)

// mark goes with an event as its private data, so that the output knows the input.
type mark struct {
	input   *Input
	private any // what the event had before
}

// Pipeline returns a pipeline whose clients publish events of the input.
func (in *Input) Pipeline(pipeline beat.PipelineConnector) beat.PipelineConnector {
	pipeline = pipetool.WithClientConfigEdit(pipeline, func(cfg beat.ClientConfig) (beat.ClientConfig, error) {
		cfg.EventListener = &listener{input: in, next: cfg.EventListener}
		return cfg, nil
	})
	return pipetool.WithClientWrapper(pipeline, func(c beat.Client) beat.Client { return &client{Client: c, input: in} })
}

// client marks the events.
type client struct {
	beat.Client
	input *Input
}

func (c *client) Publish(event beat.Event) {
	c.mark(&event)
	c.Client.Publish(event)
}

func (c *client) PublishAll(events []beat.Event) {
	for i := range events {
		c.mark(&events[i])
	}
	c.Client.PublishAll(events)
}

func (c *client) mark(event *beat.Event) {
	if event.Private == nil {
		event.Private = c.input.plain
		return
	}
	event.Private = &mark{input: c.input, private: event.Private}
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
	if l.next == nil {
		return
	}
	if mark, ok := event.Private.(*mark); ok {
		event.Private = mark.private
	}
	l.next.AddEvent(event, published)
}

// ACKEvents is called when the output has acknowledged so many events.
func (l *listener) ACKEvents(n int) {
	l.input.acknowledged(n)
	if l.next != nil {
		l.next.ACKEvents(n)
	}
}

// ClientClosed is called when the client is closed. Its events are still
// acknowledged.
func (l *listener) ClientClosed() {
	if l.next != nil {
		l.next.ClientClosed()
	}
}
