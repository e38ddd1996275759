// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"fmt"
	"reflect"
	"sync/atomic"

	"github.com/elastic/beats/v7/libbeat/outputs"
	"github.com/elastic/beats/v7/libbeat/publisher"
	"github.com/elastic/sarama"
)

// witness learns from Libbeat's client itself which events of a batch have failed and
// why. The client acknowledges a batch whose events have all failed because Sarama
// sends nothing for ten seconds after repeated errors, and logs what a batch has failed
// with only after it has given it back. To be reported to elastic/beats: msgRef.dec
// looks at err alone.
type witness struct{ batch atomic.Pointer[followed] }

// followed is what the client notes about a batch. It is complete once the client
// answers the batch.
type followed struct {
	failed *[]publisher.Event
	err    *error
}

// watch returns a witness of a client, which must not be connected yet.
func watch(client outputs.NetworkClient) (*witness, error) {
	interceptors, ok := fieldOf[[]sarama.ProducerInterceptor](client, "config", "Producer", "Interceptors")
	if !ok {
		return nil, fmt.Errorf("%T is not the client of Libbeat's Kafka output that this version knows", client)
	}
	w := &witness{}
	*interceptors = append(*interceptors, w)
	return w, nil
}

// OnSend is called by Sarama for each message that it is handed.
func (w *witness) OnSend(message *sarama.ProducerMessage) {
	if w.batch.Load() != nil {
		return
	}
	failed, ok := fieldOf[[]publisher.Event](message.Metadata, "ref", "failed")
	err, also := fieldOf[error](message.Metadata, "ref", "err")
	if ok && also {
		w.batch.Store(&followed{failed, err})
	}
}

// begin forgets the last batch.
func (w *witness) begin() { w.batch.Store(nil) }

// outcome returns which events of the batch have failed, and with what first. seen is
// false when none of them has come to Sarama.
func (w *witness) outcome() (failed []publisher.Event, seen bool, err error) {
	batch := w.batch.Load()
	if batch == nil {
		return nil, false, nil
	}
	return *batch.failed, true, *batch.err
}

// fieldOf returns the field at a path of names from a pointer to a struct, exported
// or not. ok is false when there is none of this type.
func fieldOf[T any](pointer any, path ...string) (field *T, ok bool) {
	value := reflect.ValueOf(pointer)
	for _, name := range path {
		if value = reflect.Indirect(value); value.Kind() != reflect.Struct {
			return nil, false
		}
		value = value.FieldByName(name)
	}
	if !value.IsValid() || !value.CanAddr() || value.Type() != reflect.TypeFor[T]() {
		return nil, false
	}
	return (*T)(value.Addr().UnsafePointer()), true
}
