// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"errors"
	"strings"
	"sync"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/sarama"
)

// loggerName is that of Libbeat's Kafka output, whose last part it is.
const loggerName = "kafka"

// verdict is what is to be done about events that Kafka did not take.
type verdict int

const (
	// repeat: it may take them later.
	repeat verdict = iota
	// hold: it takes them once its settings or the rights are corrected.
	hold
	// divide: it takes the others, when they are sent without the one that is the
	// reason.
	divide
)

// complaint is why the output dropped events or failed to send them.
type complaint struct {
	verdict verdict
	reason  string
	topic   string // "TOPIC" where the output doesn't say which
}

// err is the complaint with what to do about it.
func (c complaint) err(s *settings) error { return errors.New(s.advice(c.topic, c.reason)) }

// complaints reads what the output logs about events that it did not deliver, because
// it tells in no other way. These lines are not logged: the client says it
// once for all events.
type complaints struct {
	mu   sync.Mutex
	last complaint
}

// take returns the most serious complaint since the last call.
func (c *complaints) take() complaint {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.last
	c.last = complaint{}
	return last
}

// hear tells whether a message is a complaint. Holding is more serious than dividing:
// there is no use in sending less as long as nothing is taken.
func (c *complaints) hear(message string) bool {
	heard, ok := understand(message)
	if !ok {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last.reason == "" || heard.verdict == hold && c.last.verdict != hold || heard.verdict == divide && c.last.verdict == repeat {
		c.last = heard
	}
	return true
}

// understand returns what a message of Libbeat's Kafka output means.
func understand(message string) (complaint, bool) {
	const unknown = "TOPIC"
	if text, ok := strings.CutPrefix(message, "Kafka publish failed with: "); ok {
		for _, refusal := range []error{sarama.ErrInvalidRecord, sarama.ErrInvalidTimestamp, sarama.ErrPolicyViolation} {
			if strings.Contains(text, refusal.Error()) {
				return complaint{divide, text, unknown}, true
			}
		}
		return complaint{repeat, text, unknown}, true
	}
	if text, ok := strings.CutPrefix(message, "Dropping event: "); ok {
		return complaint{divide, text, unknown}, true
	}
	if message == "output closing, dropping event" {
		return complaint{repeat, "the output is closing", unknown}, true
	}
	rest, ok := strings.CutPrefix(message, "Kafka (topic=")
	if !ok {
		return complaint{}, false
	}
	topic, text, _ := strings.Cut(rest, "): ")
	if reason, ok := strings.CutPrefix(text, "authorisation error: "); ok {
		return complaint{hold, reason, topic}, true
	}
	if reason, ok := strings.CutPrefix(text, "dropping "); ok {
		return complaint{divide, strings.TrimSuffix(reason, ":"), topic}, true
	}
	return complaint{repeat, text, topic}, true
}

// listen returns a logger whose lines about lost events are heard, not logged.
func (c *complaints) listen(log *logp.Logger) *logp.Logger {
	return log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core { return &listener{core, c} }))
}

type listener struct {
	zapcore.Core
	complaints *complaints
}

// Enabled lets errors be heard that are not logged, at the level critical.
func (l *listener) Enabled(level zapcore.Level) bool {
	return level == zapcore.ErrorLevel || l.Core.Enabled(level)
}

// With returns a listener that adds fields to each line.
func (l *listener) With(fields []zapcore.Field) zapcore.Core {
	return &listener{l.Core.With(fields), l.complaints}
}

// Check lets a line pass that is no complaint.
func (l *listener) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	ours := entry.LoggerName == loggerName || strings.HasSuffix(entry.LoggerName, "."+loggerName)
	if ours && entry.Level == zapcore.ErrorLevel && l.complaints.hear(entry.Message) {
		return checked
	}
	return l.Core.Check(entry, checked)
}
