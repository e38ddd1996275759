// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"sync"

	v2 "github.com/elastic/beats/v7/filebeat/input/v2"
	cursor "github.com/elastic/beats/v7/filebeat/input/v2/input-cursor"
	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/publisher/pipetool"
	conf "github.com/elastic/elastic-agent-libs/config"

	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// knowing is the manager of the cursors, whose inputs are told of each
// acknowledgement of the output before the cursor is saved that comes with it,
// and whose pipeline adds to each event what all of them have in common.
type knowing struct {
	cursor.InputManager
	store *registry.KnownStore // nil keeps nothing

	mu      sync.Mutex
	created *input // by Configure, within Create
}

// Create creates an input.
func (m *knowing) Create(raw *conf.C) (v2.Input, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	managed, err := m.InputManager.Create(raw)
	if err != nil {
		return nil, err
	}
	return &knowingInput{managed, m.created, m.store}, nil
}

// knowingInput is what the manager makes of an input.
type knowingInput struct {
	v2.Input
	input *input
	store *registry.KnownStore // nil keeps nothing
}

// Run runs the input. One whose known indicators can't be read collects all the
// same, and does not sweep.
func (in *knowingInput) Run(ctx v2.Context, pipeline beat.PipelineConnector) error {
	cfg := &in.input.cfg
	pipeline = pipetool.WithClientConfigEdit(pipeline, func(client beat.ClientConfig) (beat.ClientConfig, error) {
		fields := in.input.mapper.Common()
		fields.DeepUpdate(client.Processing.Fields)
		client.Processing.Fields, client.Processing.Private = fields, in.input.mapper
		return client, nil
	})
	if in.store != nil {
		known, release, err := in.store.Use(cfg.ID, cfg.URL, cfg.DataCollectionID)
		in.input.unread = err
		if err == nil {
			defer release()
			session := known.Connect()
			in.input.known, in.input.session = known, session
			pipeline = pipetool.WithACKer(pipeline, session)
		}
	}
	return in.Input.Run(ctx, withMarks(pipeline))
}

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
