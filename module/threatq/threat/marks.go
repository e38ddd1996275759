// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import "github.com/elastic/beats/v7/libbeat/beat"

// withMarks returns a pipeline whose clients take a cursor that no event carries, with
// an event without fields. Such an event goes no further than to the client's listener,
// as one that a processor drops, so that its cursor is saved once the output has
// acknowledged everything published before.
func withMarks(pipeline beat.PipelineConnector) beat.PipelineConnector {
	return markPipeline{pipeline}
}

type markPipeline struct{ beat.PipelineConnector }

// Connect connects without settings.
func (p markPipeline) Connect() (beat.Client, error) { return p.ConnectWith(beat.ClientConfig{}) }

// ConnectWith connects a client.
func (p markPipeline) ConnectWith(cfg beat.ClientConfig) (beat.Client, error) {
	client, err := p.PipelineConnector.ConnectWith(cfg)
	if err != nil || cfg.EventListener == nil {
		return client, err
	}
	return &markClient{client, cfg.EventListener}, nil
}

type markClient struct {
	beat.Client
	listener beat.EventListener
}

// Publish publishes an event, or takes a cursor alone.
func (c *markClient) Publish(event beat.Event) {
	if event.Fields == nil {
		c.listener.AddEvent(event, false)
		return
	}
	c.Client.Publish(event)
}
