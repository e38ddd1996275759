// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Command floor is a Beat that publishes ready-made indicator events as fast as
// Libbeat takes them, with Libbeat's own defaults, and ends. What it costs is the
// least that any Beat costs which publishes these events. It prints how long
// publishing took.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/cmd"
	"github.com/elastic/beats/v7/libbeat/cmd/instance"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
	"github.com/threatqbeat/threatqbeat/module/threatq/threat"
)

// distinct is how many different events are made.
const distinct = 1000

type floor struct {
	settings settings
	ready    []beat.Event
}

type settings struct {
	// Events is how many events are published.
	Events int `config:"events"`
	// Normalize is Libbeat's normalisation of events, which is on by default.
	Normalize bool `config:"normalize"`
}

func main() {
	root := cmd.GenRootCmdWithSettings(newFloor, instance.Settings{Name: "floor"})
	if err := root.Execute(); err != nil {
		os.Exit(1)
	}
}

func newFloor(_ *beat.Beat, section *conf.C) (beat.Beater, error) {
	f := &floor{settings: settings{Events: distinct, Normalize: true}}
	if err := section.Unpack(&f.settings); err != nil {
		return nil, err
	}
	appliance, err := simulator.New(simulator.Config{Indicators: distinct, Seed: 1})
	if err != nil {
		return nil, err
	}
	mapper := threat.NewMapper(threat.MapperConfig{ExpirationDuration: 90 * 24 * time.Hour, Namespace: "default"})
	for i := range distinct {
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
		EventListener: &countdown{left: f.settings.Events, done: acked},
		Processing: beat.ProcessingConfig{
			EventNormalization: &f.settings.Normalize,
			EventMetadata:      mapstr.EventMetadata{Tags: []string{"forwarded", "threatq-threat"}},
			Fields:             mapstr.M{"input": mapstr.M{"type": config.InputType}},
		},
	})
	if err != nil {
		return err
	}
	defer client.Close()
	start := time.Now()
	for i := range f.settings.Events {
		event := f.ready[i%distinct]
		// Libbeat adds its fields at the top, so that this level is an event's own.
		fields := make(mapstr.M, len(event.Fields))
		for key, value := range event.Fields {
			fields[key] = value
		}
		event.Fields = fields
		client.Publish(event)
	}
	took := time.Since(start)
	<-acked // the last events wait for more, but cost nothing meanwhile
	fmt.Println(took.Nanoseconds())
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
