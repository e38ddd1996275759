// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/mapstr"
)

// Dataset is event.dataset and data_stream.dataset of an event.
const Dataset = "ti_threatq.threat"

const (
	module         = "ti_threatq"
	dataStreamType = "logs"

	kindEnrichment    = "enrichment"
	kindPipelineError = "pipeline_error"

	feedName        = "ThreatQuotient"
	feedDashboardID = "threatq-overview"

	tagPreserveOriginal = "preserve_original_event"

	// addedFields is how many fields are added at the root of an event by default:
	// agent, data_stream, ecs, input and tags.
	addedFields = 5
)

// builder maps one indicator at a time to its event. Each map and list of an event
// is its own, because a processor may change them, unless the event is direct;
// strings and dates, which nobody can change, are shared.
type builder struct {
	decoder
	objects
	mapper *Mapper
	ind    *indicator // that is mapped

	// fetched is when the last event's indicator was fetched. The indicators of a
	// page have it in common, as direct events have ecs, which is their event.*.
	fetched date
	ecs     any
	// markings has threat.indicator.marking of direct events by their TLP.
	markings map[string]any
}

func (m *Mapper) newBuilder() *builder {
	return &builder{mapper: m, objects: objects{direct: m.direct}}
}

// read decodes the indicator.
func (b *builder) read(raw []byte) error {
	b.ind = &b.decoder.ind
	return b.decode(raw)
}

// finish maps an indicator that was decoded, or could not be.
func (b *builder) finish(raw []byte, fetched time.Time, err error) (beat.Event, error) {
	b.fetchedAt(fetched)
	if err != nil {
		err = fmt.Errorf("reading the indicator: %w", err)
		return b.mapper.complete(b.failure(raw, err)), err
	}
	return b.mapper.complete(b.event(raw)), nil
}

func (b *builder) fetchedAt(fetched time.Time) {
	if at := dateOf(fetched); at != b.fetched {
		b.fetched, b.ecs = at, nil
	}
}

// event maps the indicator.
func (b *builder) event(raw []byte) beat.Event {
	ind := b.ind
	timestamp := ind.timestamp(b.fetched)

	// Both threatq.* and threat.indicator.* have these; to be boxed once.
	var value, updatedAt any
	if strings.TrimSpace(ind.Value) != "" {
		value = ind.Value
	} else {
		ind.problem("threat.indicator.name was left out: the indicator has no value")
	}
	if ind.UpdatedAt != 0 {
		updatedAt = b.date(ind.UpdatedAt)
	}
	threatq := b.threatq(timestamp, value, updatedAt)
	threat, related := b.threat(value, updatedAt)

	// Room for what is added: a map that has to grow costs half as much again.
	size := 3 + addedFields
	if related != nil {
		size++
	}
	if len(ind.Problems) > 0 {
		size++
	}
	fields := make(mapstr.M, size)
	if b.ecs == nil || !b.direct || b.mapper.cfg.PreserveOriginal {
		b.ecs = b.eventFields(kindEnrichment, raw)
	}
	fields["event"], fields["threatq"], fields["threat"] = b.ecs, threatq, threat
	if related != nil {
		fields["related"] = related
	}
	if b.mapper.cfg.PreserveOriginal {
		fields["tags"] = []string{tagPreserveOriginal}
	}
	if len(ind.Problems) > 0 {
		fields["error"] = b.nest("message", strings.Join(ind.Problems, "; "))
	}
	return beat.Event{Timestamp: timestamp.time(), Meta: b.mapper.keyOf(ind.Indicator), Fields: fields}
}

// failure maps an indicator that can't be read. Its tag keeps event.original
// from being dropped on the way.
func (b *builder) failure(raw []byte, err error) beat.Event {
	b.ind.reset()
	fields := mapstr.M{"event": b.eventFields(kindPipelineError, raw), "tags": []string{tagPreserveOriginal}}
	message := err.Error()
	if len(b.ind.Problems) > 0 {
		message += "; " + strings.Join(b.ind.Problems, "; ")
	}
	fields["error"] = b.nest("message", message)
	return beat.Event{Timestamp: b.fetched.time(), Meta: unreadableKey(raw), Fields: fields}
}

// eventFields makes event.*. raw is the indicator, for the original where that is kept.
func (b *builder) eventFields(kind string, raw []byte) any {
	start := b.begin()
	b.put("kind", kind)
	if kind != kindState {
		b.put("category", []string{"threat"})
		b.put("type", []string{"indicator"})
	}
	b.put("created", b.fetched)
	b.put("module", module)
	b.put("dataset", Dataset)
	if raw != nil && (b.mapper.cfg.PreserveOriginal || kind == kindPipelineError) {
		b.put("original", b.original(raw))
	}
	return b.end(start)
}

// original returns raw as event.original may hold it: valid UTF-8, as JSON
// demands, and bounded.
func (b *builder) original(raw []byte) string {
	cut := raw
	if len(cut) > maxOriginalBytes {
		cut = cut[:maxOriginalBytes]
		b.ind.cut(fmt.Sprintf("event.original was cut to its first %d bytes", maxOriginalBytes))
	}
	return string(bytes.ToValidUTF8(cut, []byte("\uFFFD")))
}
