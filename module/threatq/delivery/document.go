// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"encoding/json"
	"reflect"

	"github.com/elastic/beats/v7/libbeat/publisher"
	"github.com/elastic/beats/v7/libbeat/publisher/queue"

	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// document is what the queue keeps of an event for Elasticsearch.
type document struct {
	encoded     any // as Libbeat's output encodes it, never changed here
	unencodable bool
	input       *Input // nil when the event came by way of a queue on disk
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
	doc := &document{indicator: registry.IndicatorOf(&event.Content)}
	if mark, ok := event.Content.Private.(*mark); ok {
		doc.input = mark.input
	}
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

// refusalIn returns why Elasticsearch refused a document. ok is false when it did not
// refuse it, but asks for another attempt. Libbeat's output makes of a refused
// document a dead letter that says why.
func refusalIn(encoded any) (r refusal, ok bool) {
	value := reflect.ValueOf(encoded).Elem()
	if deadLetter := value.FieldByName("deadLetter"); !deadLetter.IsValid() || !deadLetter.Bool() {
		return refusal{}, false
	}
	letter := struct {
		Status  int    `json:"error.type"`
		Message string `json:"error.message"`
	}{}
	if err := json.Unmarshal(value.FieldByName("encoding").Bytes(), &letter); err != nil {
		letter.Message = err.Error()
	}
	return newRefusal(letter.Status, letter.Message), true
}
