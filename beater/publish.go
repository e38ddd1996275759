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

// Connect returns a client that publishes as the input of this configuration does:
// with its tags, processors, index and pipeline. Close it after the last event.
type Connect func(input *conf.C) (beat.Client, error)

// NewPublisher returns the creator of a Beater that runs no input. Its Run calls
// work once, waits until the output has acknowledged what work has published, and
// returns. Stop ends the context of work, and the wait.
func NewPublisher(work func(ctx context.Context, connect Connect) error) beat.Creator {
	return func(b *beat.Beat, _ *conf.C) (beat.Beater, error) {
		ctx, stop := context.WithCancel(context.Background())
		return &publisher{work: work, ctx: ctx, stop: stop, inflight: newInflight(b.Monitoring.StatsRegistry(), nil)}, nil
	}
}

type publisher struct {
	work     func(context.Context, Connect) error
	ctx      context.Context
	stop     context.CancelFunc
	inflight *inflight
}

// Run implements beat.Beater.
func (p *publisher) Run(b *beat.Beat) error {
	pipeline := publishing(b.Publisher, p.inflight)
	connect := func(input *conf.C) (beat.Client, error) {
		var caught catcher
		if _, err := channel.RunnerFactoryWithCommonInputSettings(b.Info, &caught).Create(pipeline, input); err != nil {
			return nil, fmt.Errorf("applying the settings of the input: %w", err)
		}
		return caught.pipeline.Connect()
	}
	if err := p.work(p.ctx, connect); err != nil {
		return err
	}
	for !p.inflight.wait(time.Second) {
		if p.ctx.Err() != nil {
			return fmt.Errorf("publishing: the output had not acknowledged %d events when it was stopped", p.inflight.active.Get())
		}
	}
	return nil
}

// Stop implements beat.Beater.
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
