// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beater

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/elastic/beats/v7/filebeat/channel"
	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/cfgfile"
	conf "github.com/elastic/elastic-agent-libs/config"
)

// NewPublisher returns the creator of a Beater that runs no input. Its Run calls work
// once with a function that publishes as one of the inputs does, with its tags,
// processors, index and pipeline. It waits until the output has acknowledged what was
// published, and returns. Stop ends the context of work, and the wait.
func NewPublisher(inputs []*conf.C, work func(ctx context.Context, publish func(input int, event beat.Event)) error) beat.Creator {
	return func(b *beat.Beat, _ *conf.C) (beat.Beater, error) {
		ctx, stop := context.WithCancel(context.Background())
		return &publisher{inputs: inputs, work: work, ctx: ctx, stop: stop, inflight: newInflight(b.Monitoring.StatsRegistry(), nil)}, nil
	}
}

// publisher is a beat.Beater.
type publisher struct {
	inputs   []*conf.C
	work     func(context.Context, func(int, beat.Event)) error
	ctx      context.Context
	stop     context.CancelFunc
	inflight *inflight
}

func (p *publisher) Run(b *beat.Beat) error {
	pipeline := publishing(b.Publisher, p.inflight)
	clients := make([]beat.Client, len(p.inputs))
	for n, input := range p.inputs {
		var caught catcher
		if _, err := channel.RunnerFactoryWithCommonInputSettings(b.Info, &caught).Create(pipeline, input); err != nil {
			return fmt.Errorf("applying the settings of the input: %w", err)
		}
		client, err := caught.pipeline.Connect()
		if err != nil {
			return err
		}
		defer client.Close()
		clients[n] = client
	}
	if err := p.work(p.ctx, func(input int, event beat.Event) { clients[input].Publish(event) }); err != nil {
		return err
	}
	for !p.inflight.wait(time.Second) {
		if p.ctx.Err() != nil {
			return fmt.Errorf("publishing: the output had not acknowledged %d events when it was stopped", p.inflight.active.Get())
		}
	}
	return nil
}

func (p *publisher) Stop() { p.stop() }

// catcher is a factory of runners that keeps the pipeline which it is given: the
// one that applies the common settings of the input.
type catcher struct{ pipeline beat.PipelineConnector }

// Create keeps the pipeline and returns no runner.
func (c *catcher) Create(pipeline beat.PipelineConnector, _ *conf.C) (cfgfile.Runner, error) {
	c.pipeline = pipeline
	return nil, nil
}

// CheckConfig is not reached.
func (*catcher) CheckConfig(*conf.C) error { return errors.ErrUnsupported }
