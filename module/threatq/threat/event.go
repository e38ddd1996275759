// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/common"
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

	// rootFields leaves room for what Libbeat adds at the root of an event
	// (agent, ecs, input, tags...): a map that has to grow from 8 entries to 9
	// costs half as much again.
	rootFields = 12
)

// builder makes the event of one indicator at a time. Each map and list of an
// event is its own, because a processor may change them; strings and dates, which
// nobody can change, are shared.
type builder struct {
	decoder
	mapper *Mapper

	// created is event.created of the last event. The indicators of a page
	// have it in common.
	created      any
	createdValue time.Time
}

// finish makes the event of an indicator that was decoded, or could not be.
func (b *builder) finish(raw []byte, fetched time.Time, err error) (beat.Event, error) {
	fetched = fetched.Round(0).UTC() // an event has no use for a monotonic clock
	if err != nil {
		err = fmt.Errorf("reading the indicator: %w", err)
		return b.mapper.complete(b.failure(raw, fetched, err)), err
	}
	return b.mapper.complete(b.event(raw, fetched)), nil
}

// event makes the event of the indicator that was just decoded.
func (b *builder) event(raw []byte, fetched time.Time) beat.Event {
	ind := &b.ind
	timestamp := ind.timestamp(fetched)

	fields := make(mapstr.M, rootFields)
	ecs := b.eventFields(kindEnrichment, fetched)
	fields["event"] = ecs

	// Both threatq.* and threat.indicator.* have these; to be boxed once.
	var value, updatedAt any
	if strings.TrimSpace(ind.Value) != "" {
		value = ind.Value
	} else {
		ind.problem("threat.indicator.name was left out: the indicator has no value")
	}
	if !ind.UpdatedAt.IsZero() {
		updatedAt = common.Time(ind.UpdatedAt)
	}
	fields["threatq"] = b.threatq(timestamp, value, updatedAt)
	indicator, related := b.indicator(value, updatedAt)
	fields["threat"] = mapstr.M{"indicator": indicator}
	if related != nil {
		fields["related"] = related
	}

	if b.mapper.cfg.PreserveOriginal {
		ecs["original"] = b.original(raw)
		fields["tags"] = []string{tagPreserveOriginal}
	}
	if len(ind.Problems) > 0 {
		fields["error"] = mapstr.M{"message": strings.Join(ind.Problems, "; ")}
	}
	return beat.Event{Timestamp: timestamp, Meta: keyOf(ind.Indicator), Fields: fields}
}

// failure makes the event of an indicator that can't be read. Its tag keeps
// event.original from being dropped on the way.
func (b *builder) failure(raw []byte, fetched time.Time, err error) beat.Event {
	b.ind.reset()
	ecs := b.eventFields(kindPipelineError, fetched)
	ecs["original"] = b.original(raw)
	message := err.Error()
	if len(b.ind.Problems) > 0 {
		message += "; " + strings.Join(b.ind.Problems, "; ")
	}
	return beat.Event{
		Timestamp: fetched,
		Meta:      unreadableKey(raw),
		Fields: mapstr.M{
			"event": ecs,
			"error": mapstr.M{"message": message},
			"tags":  []string{tagPreserveOriginal},
		},
	}
}

func (b *builder) eventFields(kind string, fetched time.Time) mapstr.M {
	if b.created == nil || b.createdValue != fetched {
		b.created, b.createdValue = common.Time(fetched), fetched
	}
	return mapstr.M{
		"kind":     kind,
		"category": []string{"threat"},
		"type":     []string{"indicator"},
		"created":  b.created,
		"module":   module,
		"dataset":  Dataset,
	}
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

// firstDate returns the first of dates that is set.
func firstDate(dates ...time.Time) time.Time {
	for _, date := range dates {
		if !date.IsZero() {
			return date
		}
	}
	return time.Time{}
}

// putDate sets a field to a date, where there is one.
func putDate(fields mapstr.M, name string, date time.Time) {
	if !date.IsZero() {
		fields[name] = common.Time(date)
	}
}
