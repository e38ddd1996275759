// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Command floor is a Beat that publishes ready-made indicator events as fast as
// Libbeat takes them, with Libbeat's own defaults, and ends. What it costs is the
// least that any Beat costs which publishes these events.
package main

import (
	"os"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/cmd"
	"github.com/elastic/beats/v7/libbeat/cmd/instance"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
	"github.com/threatqbeat/threatqbeat/module/threatq/threat"
)

// kinds is how many different events are made.
const kinds = 1000

type floor struct {
	events int
	ready  []beat.Event
	done   chan struct{}
}

func main() {
	root := cmd.GenRootCmdWithSettings(newFloor, instance.Settings{Name: "floor"})
	if err := root.Execute(); err != nil {
		os.Exit(1)
	}
}

func newFloor(_ *beat.Beat, section *conf.C) (beat.Beater, error) {
	settings := struct {
		Events int `config:"events"`
	}{Events: kinds}
	if err := section.Unpack(&settings); err != nil {
		return nil, err
	}
	appliance, err := simulator.New(simulator.Config{Indicators: kinds, Seed: 1})
	if err != nil {
		return nil, err
	}
	mapper := threat.NewMapper(threat.MapperConfig{ExpirationDuration: 90 * 24 * time.Hour, Namespace: "default"})
	f := &floor{events: settings.Events, done: make(chan struct{})}
	for i := range kinds {
		event, err := mapper.Event(appliance.Indicator(i), time.Now())
		if err != nil {
			return nil, err
		}
		f.ready = append(f.ready, event)
	}
	return f, nil
}

// Run publishes, and waits until the output has acknowledged everything.
func (f *floor) Run(b *beat.Beat) error {
	acked := make(chan struct{})
	client, err := b.Publisher.ConnectWith(beat.ClientConfig{
		PublishMode:   beat.GuaranteedSend,
		EventListener: &countdown{left: f.events, done: acked},
		Processing:    beat.ProcessingConfig{EventMetadata: mapstr.EventMetadata{Tags: []string{"forwarded", "threatq-threat"}}},
	})
	if err != nil {
		return err
	}
	defer client.Close()
	for i := range f.events {
		event := f.ready[i%kinds]
		// Libbeat adds its fields at the top, so that this level is an event's own.
		fields := make(mapstr.M, len(event.Fields))
		for key, value := range event.Fields {
			fields[key] = value
		}
		event.Fields = fields
		client.Publish(event)
	}
	<-acked
	return nil
}

func (f *floor) Stop() {}

// countdown closes done once so many events have been acknowledged.
type countdown struct {
	left int
	done chan struct{}
}

func (*countdown) AddEvent(beat.Event, bool) {}

func (*countdown) ClientClosed() {}

func (c *countdown) ACKEvents(n int) {
	if c.left -= n; c.left == 0 {
		close(c.done)
	}
}
