// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"

	"github.com/elastic/beats/v7/libbeat/publisher"
	"github.com/elastic/beats/v7/libbeat/publisher/queue"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// batch stands between a batch and Libbeat's output, which sees copies of the
// documents. What the output says of each is decided on before the batch is answered.
type batch struct {
	publisher.Batch
	client  *elasticsearch
	events  []publisher.Event
	sources map[any]publisher.Event // by the copy

	retried int
	held    int
	heldWhy string
}

func newBatch(c *elasticsearch, original publisher.Batch) *batch {
	events := original.Events()
	b := &batch{
		Batch: original, client: c,
		events:  make([]publisher.Event, 0, len(events)),
		sources: make(map[any]publisher.Event, len(events)),
	}
	for _, event := range events {
		doc, ok := event.EncodedEvent.(*document)
		if ok && doc.unencodable {
			b.giveUp(doc, bulkError{reason: "the event can't be encoded, the log says why"})
			continue
		}
		source := event
		if ok {
			event.EncodedEvent = clone(doc.encoded)
		}
		b.events = append(b.events, event)
		b.sources[event.EncodedEvent] = source
	}
	return b
}

// Events returns the copies, which are the output's to change.
func (b *batch) Events() []publisher.Event { return b.events }

// ACK is called when no document is to be sent again.
func (b *batch) ACK() { b.RetryEvents(nil) }

// smallDocument is the size in bytes below which a document is not the reason that a
// request is too large: a proxy in between must be set up for much less than
// Elasticsearch takes.
const smallDocument = 64 << 10

// Drop is called when the server refuses a single document as too large.
func (b *batch) Drop() {
	for _, source := range b.sources {
		doc, ok := source.EncodedEvent.(*document)
		if !ok {
			continue
		}
		refused := newBulkError(http.StatusRequestEntityTooLarge, "the document is larger than the server's http.max_content_length")
		if size := len(encodingOf(doc.encoded)); size < smallDocument {
			refused.reason = fmt.Sprintf("requests of %d bytes are too large", size)
			b.hold(doc, refused, "Raise the limit on requests of the proxy in between, or http.max_content_length")
			b.retried = 1
			b.Batch.RetryEvents([]publisher.Event{source})
			return
		}
		b.giveUp(doc, refused)
	}
	b.Batch.Drop()
}

// RetryEvents is called with the documents that were refused or have to be sent again.
// All others were accepted.
func (b *batch) RetryEvents(events []publisher.Event) {
	again := make([]publisher.Event, 0, len(events))
	for _, event := range events {
		source := b.sources[event.EncodedEvent]
		delete(b.sources, event.EncodedEvent)
		if doc, ok := source.EncodedEvent.(*document); !ok || b.again(doc, event.EncodedEvent) {
			again = append(again, source)
		}
	}
	for _, source := range b.sources {
		if doc, ok := source.EncodedEvent.(*document); ok {
			doc.release()
			if !doc.deadLetter {
				doc.input.accepted(doc.indicator)
			}
		}
	}
	b.retried = len(again)
	if len(again) == 0 {
		b.Batch.ACK()
		return
	}
	b.Batch.RetryEvents(again)
}

// again decides whether a document that was not accepted is sent again.
func (b *batch) again(doc *document, answered any) bool {
	if doc.deadLetter {
		return true // decided before
	}
	refused, ok := refusalIn(answered)
	if !ok {
		return true
	}
	if remedy := refused.remedy(); remedy != "" {
		b.hold(doc, refused, remedy)
		return true
	}
	b.giveUp(doc, refused)
	if b.client.deadLetters {
		doc.encoded, doc.deadLetter = answered, true
		return true
	}
	return false
}

// hold keeps a document that is sent again until somebody has done something.
func (b *batch) hold(doc *document, refused bulkError, remedy string) {
	b.held++
	b.heldWhy = fmt.Sprintf("%s. %s.", refused, remedy)
	doc.input.hold(!doc.held, b.heldWhy)
	doc.held = true
}

// giveUp reports a document that was refused for its content, and writes it to the log
// of events.
func (b *batch) giveUp(doc *document, refused bulkError) {
	doc.release()
	doc.input.refuse(doc.indicator, refused.String())
	where := "kept here only"
	if b.client.deadLetters {
		where = "sent to the dead letter index"
	} else {
		// Libbeat has counted it as failed already.
		b.client.observer.NewBatch(1)
		b.client.observer.PermanentErrors(1)
	}
	b.client.log.Warnw(fmt.Sprintf("Cannot index event '%s' (status=%d): %s, %s", doc.encoded, refused.status, refused.raw, where),
		logp.TypeKey, logp.EventType)
}

func (doc *document) release() {
	if doc.held {
		doc.held = false
		doc.input.release()
	}
}

// document is what the queue keeps of an event for Elasticsearch.
type document struct {
	encoded     any // as Libbeat's output encodes it, never changed here
	unencodable bool
	input       *Input
	indicator   registry.Indicator

	held       bool
	deadLetter bool // refused for its content, and on its way to the user's dead letter index
}

// encoder encodes events as Libbeat's output does, and remembers whose they are.
type encoder struct{ queue.Encoder }

// EncodeEntry is called when the queue takes an event.
func (e encoder) EncodeEntry(entry queue.Entry) (queue.Entry, int) {
	event, ok := entry.(publisher.Event)
	if !ok {
		return e.Encoder.EncodeEntry(entry)
	}
	doc := &document{input: inputOf(&event.Content), indicator: registry.IndicatorOf(&event.Content)}
	entry, size := e.Encoder.EncodeEntry(event)
	event, ok = entry.(publisher.Event)
	if !ok {
		return entry, size
	}
	doc.encoded, doc.unencodable = event.EncodedEvent, size == 0
	event.EncodedEvent = doc
	return event, size
}

// clone returns a copy of what Libbeat's output has encoded, for the output to
// change. Its type is not exported, hence the reflection; the fields are copied and
// not what they point to, and the output replaces fields only.
func clone(encoded any) any {
	original := reflect.ValueOf(encoded).Elem()
	copied := reflect.New(original.Type())
	copied.Elem().Set(original)
	return copied.Interface()
}

// encodingOf returns the JSON of what Libbeat's output has encoded.
func encodingOf(encoded any) []byte {
	return reflect.ValueOf(encoded).Elem().FieldByName("encoding").Bytes()
}

// refusalIn returns why Elasticsearch refused a document. ok is false when it did not
// refuse it, but asks for another attempt. Libbeat's output makes of a refused
// document a dead letter that says why.
func refusalIn(encoded any) (e bulkError, ok bool) {
	value := reflect.ValueOf(encoded).Elem()
	if deadLetter := value.FieldByName("deadLetter"); !deadLetter.IsValid() || !deadLetter.Bool() {
		return bulkError{}, false
	}
	letter := struct {
		Status  int    `json:"error.type"`
		Message string `json:"error.message"`
	}{}
	if err := json.Unmarshal(encodingOf(encoded), &letter); err != nil {
		letter.Message = err.Error()
	}
	return newBulkError(letter.Status, letter.Message), true
}
