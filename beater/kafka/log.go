// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"strings"
	"sync"

	"go.uber.org/zap/zapcore"

	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/sarama"

	"github.com/threatqbeat/threatqbeat/module/threatq/delivery"
)

// loggerName is that of Libbeat's Kafka output, whose last part it is.
const loggerName = "kafka"

// verdict is what is to be done about events that Kafka did not take. A later one is
// more serious: there is no use in sending less as long as nothing is taken.
type verdict int

const (
	// repeat: it may take them later.
	repeat verdict = iota
	// divide: it takes the others, when they are sent without the one that is the
	// reason.
	divide
	// hold: it takes them once its settings or the rights are corrected.
	hold
)

// complaint is why the output dropped events or failed to send them.
type complaint struct {
	verdict verdict
	reason  string
	topic   string // "TOPIC" where the output doesn't say which
}

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
	defer func() { c.last = complaint{} }()
	return c.last
}

// hear tells whether a message is a complaint.
func (c *complaints) hear(message string) bool {
	heard, ok := understand(message)
	if !ok {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last.reason == "" || heard.verdict > c.last.verdict {
		c.last = heard
	}
	return true
}

// understand returns what a message of Libbeat's Kafka output means.
func understand(message string) (complaint, bool) {
	const unknown = "TOPIC"
	if text, ok := strings.CutPrefix(message, "Kafka publish failed with: "); ok {
		for _, err := range []error{sarama.ErrInvalidRecord, sarama.ErrInvalidTimestamp, sarama.ErrPolicyViolation} {
			if strings.Contains(text, err.Error()) {
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
	return delivery.FilterLog(log, func(line zapcore.Entry) bool {
		ours := line.LoggerName == loggerName || strings.HasSuffix(line.LoggerName, "."+loggerName)
		return ours && line.Level == zapcore.ErrorLevel && c.hear(line.Message)
	})
}
