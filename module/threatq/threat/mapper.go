// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"fmt"
	"sync"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// MapperConfig says how indicators become events.
type MapperConfig struct {
	// ExpirationDuration is how long after its last update an indicator expires
	// that nothing else ends. It is more than zero, at most 36500 days.
	ExpirationDuration time.Duration
	// ExpiredStatuses are the statuses that take an indicator out of the active
	// set at once. They are compared without regard to case and surrounding
	// white space.
	ExpiredStatuses []string
	// PreserveOriginal keeps each indicator as received in event.original and
	// tags its event preserve_original_event.
	PreserveOriginal bool
	// Namespace is data_stream.namespace.
	Namespace string
	// Bare leaves out of each event what Common returns, for the pipeline to add.
	Bare bool
}

// MapperConfigOf returns what the settings of an input say about its events.
func MapperConfigOf(in *config.Input) MapperConfig {
	return MapperConfig{
		ExpirationDuration: time.Duration(in.IOCExpirationDuration),
		ExpiredStatuses:    in.ExpiredStatuses,
		PreserveOriginal:   in.PreserveOriginalEvent,
		Namespace:          in.DataStream.Namespace,
	}
}

// Mapper maps raw indicators to events. It may be used by several goroutines at
// once.
type Mapper struct {
	cfg MapperConfig
	// dataStream and feed are data_stream and threat.feed of all events.
	dataStream mapstr.M
	feed       any  // an object, boxed once
	direct     bool // see Processing
	// builders holds what is worth keeping from one indicator to the next.
	builders sync.Pool
}

// NewMapper returns a Mapper for one input.
func NewMapper(cfg MapperConfig) *Mapper {
	m := &Mapper{
		cfg:        cfg,
		dataStream: mapstr.M{"type": dataStreamType, "dataset": Dataset, "namespace": cfg.Namespace},
		feed:       object{{"name", feedName}, {"dashboard_id", feedDashboardID}},
	}
	m.builders.New = func() any { return m.newBuilder() }
	return m
}

// Common returns the fields that all events have in common. Libbeat can add them to
// many events without a copy, and knows when a processor makes copies necessary.
func (m *Mapper) Common() mapstr.M {
	return mapstr.M{"data_stream": m.dataStream.Clone(), "threat": mapstr.M{"feed": asField(m.feed)}}
}

// complete adds these fields to an event, unless the pipeline does.
func (m *Mapper) complete(event beat.Event) beat.Event {
	switch {
	case m.direct:
		event.Fields["data_stream"] = m.dataStream
		if event.Fields["threat"] == nil { // the builder adds the feed to what it makes
			event.Fields["threat"] = object{{"feed", m.feed}}
		}
	case !m.cfg.Bare:
		event.Fields.DeepUpdate(m.Common())
	}
	return event
}

// Event maps one indicator to its event. raw is its JSON as received, and not
// referred to once Event has returned; fetched is the time of the request.
//
// There is always an event to publish. An error says that the indicator can't
// be read and that the event says so: its event.kind is pipeline_error.
func (m *Mapper) Event(raw []byte, fetched time.Time) (beat.Event, error) {
	b := m.builders.Get().(*builder)
	defer m.builders.Put(b)
	defer b.Reset(nil)

	return b.finish(raw, fetched, b.read(raw))
}

// Brief says which indicator it is, in which version, and until when it is
// active, without what it is about.
type Brief struct {
	// Entry is the indicator, which has at least one id, and its version.
	registry.Entry
	// ExpiredAt is threatq.ioc_expired_at, as the event of the indicator has it.
	ExpiredAt time.Time
}

// Brief reads the identifiers, the version and the expiration of an indicator,
// at a fraction of the cost of its event. raw and fetched are those of Event.
// An error says that the indicator can't be read or has no identifier.
func (m *Mapper) Brief(raw []byte, fetched time.Time) (Brief, error) {
	b := m.builders.Get().(*builder)
	defer m.builders.Put(b)
	defer b.Reset(nil)
	b.brief = true
	defer func() { b.brief = false }()

	if err := b.decode(raw); err != nil {
		return Brief{}, fmt.Errorf("reading the indicator: %w", err)
	}
	return m.brief(&b.decoder.ind, fetched), nil
}

func (m *Mapper) brief(ind *indicator, fetched time.Time) Brief {
	return Brief{
		Entry:     registry.Entry{Indicator: ind.Indicator, Version: registry.VersionOf(ind.UpdatedAt.time())},
		ExpiredAt: expire(&m.cfg, ind, ind.timestamp(dateOf(fetched))).At.time(),
	}
}
