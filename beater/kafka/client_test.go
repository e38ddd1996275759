// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/outputs"
	"github.com/elastic/beats/v7/libbeat/publisher"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/mapstr"
	"github.com/elastic/sarama"
)

// libbeat behaves as Libbeat's Kafka client does, in what it calls and logs.
type libbeat struct {
	log      *logp.Logger
	observer outputs.Observer
	// says returns what is logged for an event, "" when Kafka takes it. fails
	// tells whether it is sent again.
	says func(id int) (message string, fails bool)
	// stuck holds up Publish.
	stuck  chan struct{}
	config sarama.Config

	sent      []int
	batches   int
	connected int
	closed    bool
}

func (l *libbeat) Connect(context.Context) error { l.connected++; return nil }
func (l *libbeat) Close() error                  { l.closed = true; return nil }
func (l *libbeat) String() string                { return "kafka(test)" }

// message and reference are what Libbeat's client keeps of an event and of a batch.
type message struct{ ref *reference }

type reference struct {
	failed []publisher.Event
	err    error
}

func (l *libbeat) Publish(_ context.Context, batch publisher.Batch) error {
	l.batches++
	if l.stuck != nil {
		<-l.stuck
	}
	l.observer.NewBatch(len(batch.Events()))
	ref := &reference{}
	for _, event := range batch.Events() {
		id := idOf(event)
		text, fails := l.says(id)
		if !strings.HasPrefix(text, "Dropping event") {
			for _, interceptor := range l.config.Producer.Interceptors {
				interceptor.OnSend(&sarama.ProducerMessage{Metadata: &message{ref}})
			}
		}
		switch {
		case fails:
			ref.failed = append(ref.failed, event)
			if text != breakerOpen {
				ref.err = errorOf(text)
			}
		case text != "":
			l.log.Error(text)
			l.observer.PermanentErrors(1)
		default:
			l.sent = append(l.sent, id)
		}
	}
	if ref.err != nil {
		batch.RetryEvents(ref.failed)
		l.log.Errorf("Kafka publish failed with: %v", ref.err)
		return nil
	}
	l.observer.AckedEvents(len(batch.Events()))
	batch.ACK()
	return nil
}

// breakerOpen is what a batch does not fail with.
const breakerOpen = "circuit breaker is open"

// errorOf returns the error of Sarama's that has a text.
func errorOf(text string) error {
	if text == sarama.ErrInvalidRecord.Error() {
		return sarama.ErrInvalidRecord
	}
	return errors.New(text)
}

func idOf(event publisher.Event) int {
	id, _ := event.Content.Fields["id"].(int)
	return id
}

// told keeps what an output reports.
type told struct {
	held    []string
	refused []int
	reasons []string
}

func (r *told) blocked(reason string) { r.held = append(r.held, reason) }
func (r *told) refuse(events []publisher.Event, reason string) {
	for _, event := range events {
		r.refused = append(r.refused, idOf(event))
	}
	r.reasons = append(r.reasons, reason)
}

// counts counts what the pipeline is told.
type counts struct {
	outputs.Observer
	total, acked, failed, dropped int
}

func (c *counts) NewBatch(n int)        { c.total += n }
func (c *counts) AckedEvents(n int)     { c.acked += n }
func (c *counts) RetryableErrors(n int) { c.failed += n }
func (c *counts) PermanentErrors(n int) { c.dropped += n }

// scene is a client around a test's inner one, made by the factory as for a beat.
type scene struct {
	inner   *libbeat
	client  *client
	reports *told
	counts  *counts
}

func newScene(t *testing.T, settings map[string]any, says func(int) (string, bool)) *scene {
	t.Helper()
	s := &scene{inner: &libbeat{says: says}, reports: &told{}, counts: &counts{Observer: outputs.NewNilObserver()}}
	factory := Around(func(_ outputs.IndexManager, info beat.Info, observer outputs.Observer, _ *conf.C) (outputs.Group, error) {
		s.inner.log, s.inner.observer = info.Logger.Named("kafka"), observer
		return outputs.Group{Clients: []outputs.Client{s.inner}}, nil
	})
	all := map[string]any{"hosts": []string{"kafka.example.com:9092"}, "topic": "t", "key": "k", "backoff": map[string]any{"init": "1ms", "max": "2ms"}}
	for name, value := range settings {
		all[name] = value
	}
	group, err := factory(nil, beat.Info{Logger: logp.NewNopLogger()}, s.counts, conf.MustNewConfigFrom(all))
	require.NoError(t, err)
	s.client = group.Clients[0].(*client)
	s.client.blocked, s.client.refuse = s.reports.blocked, s.reports.refuse
	s.client.examine = func(string) ([]string, error) { return nil, nil }
	return s
}

func newEvents(n int) []publisher.Event {
	var events []publisher.Event
	for i := range n {
		events = append(events, publisher.Event{Content: beat.Event{Fields: mapstr.M{"id": i}}})
	}
	return events
}

func refusal(err error) string { return "Kafka (topic=t): authorisation error: " + err.Error() }

func failing(message string, fails bool) (string, bool) {
	if !fails {
		return "", false
	}
	return message, true
}

func TestWhatBecomesOfABatch(t *testing.T) {
	const tooLarge = "Kafka (topic=t): dropping too large message of size 12."
	tests := map[string]struct {
		settings map[string]any
		says     func(id int) (string, bool)
		again    []int // that go back to the pipeline
		refused  []int
		held     string // the last reason
	}{
		"taken": {says: func(int) (string, bool) { return "", false }},
		"not authorized": {
			says:  func(int) (string, bool) { return refusal(sarama.ErrTopicAuthorizationFailed), false },
			again: []int{0, 1, 2, 3, 4, 5, 6, 7},
			held: "output.kafka: kafka server: The client is not authorized to access this topic: allow it with: " +
				"kafka-acls.sh --bootstrap-server kafka.example.com:9092 --add --allow-principal User:NAME --operation Write --operation Describe --operation DescribeConfigs --topic t",
		},
		"the login fails for some": {
			says: func(id int) (string, bool) {
				if id > 5 {
					return refusal(sarama.ErrSASLAuthenticationFailed), false
				}
				return "", false
			},
			again: []int{0, 1, 2, 3, 4, 5, 6, 7},
			held:  "output.kafka: kafka server: SASL Authentication failed: check username, password and sasl.mechanism",
		},
		"one is too large, and takes others along": {
			says:    nil, // set below
			refused: []int{5},
		},
		"an event that can't be encoded": {
			says: func(id int) (string, bool) {
				if id == 0 {
					return "Dropping event: unsupported type", false
				}
				return "", false
			},
			refused: []int{0},
		},
		"the network fails": {
			says:  func(id int) (string, bool) { return failing("EOF", id%2 == 0) },
			again: []int{0, 2, 4, 6},
			held:  "output.kafka: EOF",
		},
		"the network has failed before": {
			says:  func(int) (string, bool) { return breakerOpen, true },
			again: []int{0, 1, 2, 3, 4, 5, 6, 7},
			held:  "output.kafka: nothing is sent for ten seconds after repeated errors",
		},
		"one without a topic": {
			settings: map[string]any{"topic": "%{[name]}"},
			says:     func(int) (string, bool) { return "", false },
			again:    []int{0, 1, 2, 3, 4, 5, 6, 7},
			held: "output.kafka: topic gives no name for an indicator that can't be read (no rule fits), so that it and what comes after it is held: " +
				"correct the field's name, or give the format a default, such as %{[threatq.status]:threatq}",
		},
		"one without a key, the topic compacted": {
			says:    func(id int) (string, bool) { return failing(sarama.ErrInvalidRecord.Error(), id == 3) },
			refused: []int{3},
		},
		"all without a key, the topic compacted": {
			settings: map[string]any{"key": ""},
			says:     func(int) (string, bool) { return sarama.ErrInvalidRecord.Error(), true },
			again:    []int{0, 1, 2, 3, 4, 5, 6, 7},
			held:     `output.kafka: ` + sarama.ErrInvalidRecord.Error() + `: set output.kafka.key: "%{[@metadata.indicator_key]}"`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var s *scene
			says := test.says
			if says == nil {
				says = func(int) (string, bool) { return "", false }
			}
			s = newScene(t, test.settings, says)
			batch := newEvents(8)
			if test.says == nil {
				// Kafka refuses the request, and the output drops whatever is in it.
				current := map[int]bool{}
				s.inner.says = func(id int) (string, bool) {
					if current[5] {
						return tooLarge, false
					}
					return "", false
				}
				s.client.NetworkClient = &watching{s.inner, func(ids []int) {
					clear(current)
					for _, id := range ids {
						current[id] = true
					}
				}}
			}
			outcome := newAttempt(batch)
			require.NoError(t, s.client.Publish(t.Context(), outcome))
			failed := <-outcome.failed

			var again []int
			for _, event := range failed {
				again = append(again, idOf(event))
			}
			assert.Equal(t, test.again, again)
			assert.Equal(t, test.refused, s.reports.refused)
			assert.Equal(t, test.held, s.reports.held[len(s.reports.held)-1])
			assert.Equal(t, 8, s.counts.total)
			assert.Equal(t, len(test.again), s.counts.failed)
			assert.Equal(t, len(test.refused), s.counts.dropped)
			assert.Equal(t, 8-len(test.again)-len(test.refused), s.counts.acked)
			for id := range 8 {
				if !slices.Contains(test.again, id) && !slices.Contains(test.refused, id) {
					assert.Contains(t, s.inner.sent, id, "acknowledged and not sent")
				}
			}
		})
	}
}

// watching says which events are in a batch before it is published.
type watching struct {
	*libbeat
	watch func(ids []int)
}

func (w *watching) Publish(ctx context.Context, batch publisher.Batch) error {
	var ids []int
	for _, event := range batch.Events() {
		ids = append(ids, idOf(event))
	}
	w.watch(ids)
	return w.libbeat.Publish(ctx, batch)
}

// A topic that would lose indicators is not connected to, nor is anything sent to
// it where its name depends on the event.
func TestTopicsAreLookedAtFirst(t *testing.T) {
	wrong := errors.New("it deletes everything")
	looked := map[string]int{}
	look := func(s *scene) {
		s.client.examine = func(topic string) ([]string, error) {
			looked[topic]++
			if looked[topic] == 1 {
				return nil, wrong
			}
			return []string{"a note"}, nil
		}
	}
	taken := func(int) (string, bool) { return "", false }

	s := newScene(t, nil, taken)
	look(s)
	require.ErrorIs(t, s.client.Connect(t.Context()), wrong)
	assert.Zero(t, s.inner.connected)
	assert.Equal(t, []string{"output.kafka: it deletes everything"}, s.reports.held)
	require.NoError(t, s.client.Connect(t.Context()))
	assert.Equal(t, 1, s.inner.connected)
	assert.Empty(t, s.reports.held[len(s.reports.held)-1])

	s = newScene(t, map[string]any{"topic": "topic-%{[id]}"}, taken)
	look(s)
	require.NoError(t, s.client.Connect(t.Context()))
	for range 3 {
		batch := newAttempt(newEvents(1))
		require.NoError(t, s.client.Publish(t.Context(), batch))
		<-batch.failed
	}
	assert.Equal(t, map[string]int{"t": 2, "topic-0": 2}, looked, "once more after the refusal, and never again")
	assert.Equal(t, []int{0, 0}, s.inner.sent)
}

// A client whose inner one is stuck ends all the same, and leaves that one alone: it
// would panic. What was in the batch is not acknowledged.
func TestCloseWhileStuck(t *testing.T) {
	s := newScene(t, nil, func(int) (string, bool) { return "", false })
	s.inner.stuck = make(chan struct{})
	batch := newAttempt(newEvents(4))
	published := make(chan error)
	go func() { published <- s.client.Publish(context.Background(), batch) }()
	require.Eventually(t, func() bool { return !s.client.publishing.TryLock() || unlock(s.client) }, time.Minute, time.Millisecond)

	assert.ErrorContains(t, s.client.Close(), "still takes no indicators")
	assert.False(t, s.inner.closed)
	close(s.inner.stuck)
	require.NoError(t, <-published)
	require.NoError(t, s.client.Close(), "twice is as once")
	require.NoError(t, s.client.Publish(context.Background(), batch))
	assert.Equal(t, 1, s.inner.batches, "a closed client hands nothing over")
}

// unlock undoes a TryLock that found the client not publishing yet.
func unlock(c *client) bool {
	c.publishing.Unlock()
	return false
}

func TestClose(t *testing.T) {
	s := newScene(t, nil, func(int) (string, bool) { return "", false })
	require.NoError(t, s.client.Close())
	assert.True(t, s.inner.closed)
}

func TestParse(t *testing.T) {
	for message, want := range map[string]failure{
		refusal(sarama.ErrTopicAuthorizationFailed):                         {hold, sarama.ErrTopicAuthorizationFailed.Error(), "t"},
		"Kafka (topic=a.b): dropping too large message of size 5.":          {divide, "too large message of size 5.", "a.b"},
		"Kafka (topic=t): dropping message as it exceeds max_mesage_bytes:": {divide, "message as it exceeds max_mesage_bytes", "t"},
		"Kafka (topic=t): dropping invalid message":                         {divide, "invalid message", "t"},
		"Kafka (topic=t): something else":                                   {repeat, "something else", "t"},
		"Kafka publish failed with: EOF":                                    {},
		"Dropping event: setting kafka topic failed with x":                 {divide, "setting kafka topic failed with x", "TOPIC"},
		"output closing, dropping event":                                    {repeat, "the output is closing", "TOPIC"},
	} {
		got, ok := parse(message)
		assert.True(t, ok, message)
		assert.Equal(t, want, got, message)
	}
	_, ok := parse("Kafka connect fails with: EOF")
	assert.False(t, ok)
}

func TestFailureOf(t *testing.T) {
	assert.Equal(t, failure{}, failureOf(nil))
	assert.Equal(t, failure{repeat, "EOF", "TOPIC"}, failureOf(io.EOF))
	for _, content := range []error{sarama.ErrInvalidRecord, sarama.ErrInvalidTimestamp, sarama.ErrPolicyViolation} {
		assert.Equal(t, failure{divide, content.Error(), "TOPIC"}, failureOf(content))
	}
}
