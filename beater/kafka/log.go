// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"errors"
	"strings"
	"sync"

	"go.uber.org/zap/zapcore"

	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/sarama"

	"github.com/threatqbeat/threatqbeat/module/threatq/delivery"
)

// loggerName is that of Libbeat's Kafka output, whose last part it is.
const loggerName = "kafka"

// action is what is to be done about events that Kafka did not take. A later one is
// more serious: there is no use in sending less as long as nothing is taken.
type action int

const (
	// repeat: it may take them later.
	repeat action = iota
	// divide: it takes the others, when they are sent without the one that is the
	// reason.
	divide
	// hold: it takes them once its settings or the rights are corrected.
	hold
)

// unknown stands for a topic where the output doesn't say which.
const unknown = "TOPIC"

// failure is why the output dropped events or failed to send them.
type failure struct {
	action action
	reason string
	topic  string
}

// failureOf returns what an error means that a batch has failed with.
func failureOf(err error) failure {
	if err == nil {
		return failure{}
	}
	why := failure{repeat, err.Error(), unknown}
	for _, content := range []error{sarama.ErrInvalidRecord, sarama.ErrInvalidTimestamp, sarama.ErrPolicyViolation} {
		if errors.Is(err, content) {
			why.action = divide
		}
	}
	return why
}

// failures reads what the output logs about events that it did not deliver, because
// it says so in no other way. These lines are not logged: the client says it
// once for all events.
type failures struct {
	mu   sync.Mutex
	last failure
}

// take returns the most serious failure since the last call.
func (f *failures) take() failure {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() { f.last = failure{} }()
	return f.last
}

// read reports whether a message is about a failure, and keeps it.
func (f *failures) read(message string) bool {
	found, ok := parse(message)
	if !ok {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if found.reason != "" && (f.last.reason == "" || found.action > f.last.action) {
		f.last = found
	}
	return true
}

// parse returns what a message of Libbeat's Kafka output means.
func parse(message string) (failure, bool) {
	if strings.HasPrefix(message, "Kafka publish failed with: ") {
		return failure{}, true // which the witness has known before
	}
	if text, ok := strings.CutPrefix(message, "Dropping event: "); ok {
		return failure{divide, text, unknown}, true
	}
	if message == "output closing, dropping event" {
		return failure{repeat, "the output is closing", unknown}, true
	}
	rest, ok := strings.CutPrefix(message, "Kafka (topic=")
	if !ok {
		return failure{}, false
	}
	topic, text, _ := strings.Cut(rest, "): ")
	if reason, ok := strings.CutPrefix(text, "authorisation error: "); ok {
		return failure{hold, reason, topic}, true
	}
	if reason, ok := strings.CutPrefix(text, "dropping "); ok {
		return failure{divide, strings.TrimSuffix(reason, ":"), topic}, true
	}
	return failure{repeat, text, topic}, true
}

// from returns a logger whose lines about failures are read, and not logged.
func (f *failures) from(log *logp.Logger) *logp.Logger {
	return delivery.FilterLog(log, func(line zapcore.Entry) bool {
		ours := line.LoggerName == loggerName || strings.HasSuffix(line.LoggerName, "."+loggerName)
		return ours && line.Level == zapcore.ErrorLevel && f.read(line.Message)
	})
}
