// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/common/backoff"
	"github.com/elastic/beats/v7/libbeat/outputs"
	"github.com/elastic/beats/v7/libbeat/publisher"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/testing"

	"github.com/threatqbeat/threatqbeat/module/threatq/delivery"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// closeWait is how long Close waits for a batch that is being handed over. When
// Kafka takes no more it may be for ever.
const closeWait = time.Second

// Around returns the output of a factory with a client of this package around each of
// its clients.
func Around(factory outputs.Factory) outputs.Factory {
	return func(im outputs.IndexManager, info beat.Info, observer outputs.Observer, cfg *conf.C) (outputs.Group, error) {
		log := info.Logger.Named(loggerName)
		read := &failures{}
		info.Logger = read.from(info.Logger)
		counted := &tally{Observer: observer}
		group, err := factory(im, info, counted, cfg)
		if err != nil {
			return group, err
		}
		settings, err := readSettings(cfg, log)
		if err != nil {
			return outputs.Group{}, fmt.Errorf("reading output.kafka: %w", err)
		}
		var unknown error
		group, err = delivery.WrapClients(group, func(inner outputs.NetworkClient) outputs.NetworkClient {
			done := make(chan struct{})
			witness, err := watch(inner)
			unknown = cmp.Or(unknown, err)
			return &client{
				NetworkClient: inner, log: log, observer: observer, tally: counted, failures: read, witness: witness, settings: settings,
				last:     failure{reason: "nothing is sent for ten seconds after repeated errors"},
				examine:  settings.examine,
				blocked:  delivery.Blocked,
				refuse:   func(events []publisher.Event, why string) { delivery.Refuse(log, events, why) },
				backoff:  backoff.NewEqualJitterBackoff(done, settings.Backoff.Init, settings.Backoff.Max),
				examined: map[string]bool{},
				done:     done,
			}
		})
		return group, cmp.Or(err, unknown)
	}
}

// client is Libbeat's Kafka client, but that it loses nothing: see the package.
type client struct {
	outputs.NetworkClient
	log      *logp.Logger
	observer outputs.Observer // the pipeline's
	tally    *tally
	failures *failures
	witness  *witness
	settings *settings
	examine  func(topic string) (notes []string, err error)
	blocked  func(why string)
	refuse   func(events []publisher.Event, why string)

	backoff    backoff.Backoff
	held       bool
	last       failure // why events were held last
	examined   map[string]bool
	publishing sync.Mutex // held while Libbeat's client is handed a batch

	closing sync.Once
	done    chan struct{}
}

// Connect looks at the topic, if there is only one, and connects. After an error it
// returns when it is time to try again.
func (c *client) Connect(ctx context.Context) error {
	err := c.examineTopics(nil)
	if err == nil {
		err = c.NetworkClient.Connect(ctx)
	}
	if err != nil {
		c.held = true // which Libbeat logs
		c.blocked("output.kafka: " + err.Error())
		c.backoff.Wait()
		return err
	}
	c.release()
	return nil
}

// Publish hands the batch over and waits until Kafka has taken it. What it has not
// taken goes back to the pipeline, when it is time to try again. There is never an
// error: Libbeat's client can't be connected anew, and its producer connects
// anew by itself.
func (c *client) Publish(ctx context.Context, batch publisher.Batch) error {
	events := batch.Events()
	c.observer.NewBatch(len(events))
	rest, err := events, c.examineTopics(events)
	refused := 0
	if err == nil {
		rest, refused, err = c.deliver(ctx, events)
	}
	if errors.Is(err, errClosing) {
		// Not given back: the pipeline, which is closing, would count it as
		// acknowledged. What is in it is collected again at the next start.
		return nil
	}
	c.observer.AckedEvents(len(events) - len(rest) - refused)
	c.observer.PermanentErrors(refused)
	if len(rest) == 0 {
		c.release()
		batch.ACK()
		return nil
	}
	c.observer.RetryableErrors(len(rest))
	c.held = true
	c.log.Errorw("Kafka takes no indicators for now. They are held and sent again.", "error", err)
	c.blocked("output.kafka: " + err.Error())
	if c.backoff.Wait() { // it is not closing
		batch.RetryEvents(rest)
	}
	return nil
}

func (c *client) release() {
	c.backoff.Reset()
	if c.held {
		c.held = false
		c.log.Info("Kafka takes indicators again.")
	}
	c.blocked("")
}

var errClosing = errors.New("the output is closing")

// deliver sends events. It returns those that are to be sent again and why, and how
// many were refused for good.
func (c *client) deliver(ctx context.Context, events []publisher.Event) (rest []publisher.Event, refused int, err error) {
	failed, dropped, why, err := c.try(ctx, events)
	switch {
	case err != nil:
		return events, 0, err
	case dropped == 0 && len(failed) == 0:
		return nil, 0, nil
	case dropped > 0 && why.action != divide:
		return events, 0, c.explain(why)
	case dropped == 0 && (why.action != divide || c.settings.Key == ""):
		return failed, 0, c.explain(why)
	}
	if dropped == 0 {
		events = failed
	}
	if len(events) == 1 {
		c.refuse(events, c.settings.advice(why.topic, why.reason))
		return nil, 1, nil
	}
	// The output doesn't say which event it was. Those of the other half that have
	// arrived already arrive twice, with the same key.
	for _, half := range [][]publisher.Event{events[:len(events)/2], events[len(events)/2:]} {
		again, n, halfErr := c.deliver(ctx, half)
		if errors.Is(halfErr, errClosing) {
			return events, 0, halfErr
		}
		rest, refused = append(rest, again...), refused+n
		err = cmp.Or(err, halfErr)
	}
	return rest, refused, err
}

// explain returns a failure as an error that says what to do about it. Events that fail
// because of the errors before have no reason of their own.
func (c *client) explain(why failure) error {
	if why.reason == "" {
		why = c.last
	}
	c.last = why
	return c.settings.explain(why)
}

// try hands events to Libbeat's client and waits until it is done with them. An
// error says that the client closes before.
func (c *client) try(ctx context.Context, events []publisher.Event) (failed []publisher.Event, dropped int, why failure, err error) {
	c.tally.Dropped()
	c.failures.take()
	c.witness.begin()
	sent := newAttempt(events)
	sent.witness = c.witness
	c.publishing.Lock()
	select {
	case <-c.done:
		c.publishing.Unlock()
		return nil, 0, failure{}, errClosing
	default:
	}
	err = c.NetworkClient.Publish(ctx, sent)
	c.publishing.Unlock()
	if err != nil {
		return events, 0, failure{reason: err.Error()}, nil
	}
	select {
	case failed = <-sent.failed:
		dropped = c.tally.Dropped()
		if !sent.seen && dropped < len(events) {
			failed = events // what is not known to have arrived is sent again
		}
		why = c.failures.take()
		if last := failureOf(sent.err); why.reason == "" || last.action > why.action {
			why = last
		}
		return failed, dropped, why, nil
	case <-c.done:
		return nil, 0, failure{}, errClosing
	}
}

// Close closes the client. Libbeat's panics when it is closed while it is
// handed a batch, so that one which is stuck is left to the end of the process.
func (c *client) Close() error {
	var err error
	c.closing.Do(func() {
		close(c.done)
		deadline := time.Now().Add(closeWait)
		for !c.publishing.TryLock() {
			if time.Now().After(deadline) {
				err = errors.New("closing output.kafka: Kafka still takes no indicators; what it has not acknowledged is collected again at the next start")
				return
			}
			time.Sleep(closeWait / 100)
		}
		defer c.publishing.Unlock()
		err = c.NetworkClient.Close()
	})
	return err
}

// Test tests the way to the brokers, and looks at the topic.
func (c *client) Test(d testing.Driver) {
	if testable, ok := c.NetworkClient.(testing.Testable); ok {
		testable.Test(d)
	}
	topic, ok := c.settings.onlyTopic()
	if !ok {
		d.Warn("topic", "its name depends on the event: it is looked at when the first one is sent")
		return
	}
	d.Run("topic "+topic, func(d testing.Driver) {
		notes, err := c.examine(topic)
		d.Fatal("settings", err)
		for _, note := range notes {
			d.Warn("settings", note)
		}
	})
}

var errNoTopic = errors.New("no rule fits")

// examineTopics looks at the topics of events that have not been looked at yet, and
// refuses those that would lose indicators, and events without a topic, which Libbeat's
// client drops.
func (c *client) examineTopics(events []publisher.Event) error {
	topics := map[string]bool{}
	if topic, ok := c.settings.onlyTopic(); ok {
		topics[topic] = true
	} else {
		for i := range events {
			event := &events[i].Content
			topic, err := c.settings.topic.Select(event)
			if err == nil && topic == "" {
				err = errNoTopic
			}
			if err != nil {
				return fmt.Errorf("topic gives no name for %s (%w), so that it and what comes after it is held: "+
					"correct the field's name, or give the format a default, such as %%{[threatq.status]:threatq}", registry.IndicatorOf(event), err)
			}
			topics[topic] = true
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(topics)) {
		if c.examined[topic] {
			continue
		}
		notes, err := c.examine(topic)
		if err != nil {
			return err
		}
		for _, note := range notes {
			c.log.Warn(note)
		}
		c.examined[topic] = true
	}
	return nil
}

// attempt is a batch that an output is given in place of the pipeline's, to learn
// what becomes of it before the pipeline does. It ends once.
type attempt struct {
	events  []publisher.Event
	witness *witness // may be nil
	once    sync.Once
	failed  chan []publisher.Event // what is to be sent again, once the output is done

	// What the witness says, once the output is done.
	seen bool
	err  error
}

func newAttempt(events []publisher.Event) *attempt {
	// The output may reorder what it is given.
	return &attempt{events: slices.Clone(events), failed: make(chan []publisher.Event, 1)}
}

func (a *attempt) end(failed []publisher.Event) {
	a.once.Do(func() {
		if a.witness != nil {
			var known []publisher.Event
			if known, a.seen, a.err = a.witness.outcome(); a.seen {
				failed = known
			}
		}
		a.failed <- failed
	})
}

func (a *attempt) Events() []publisher.Event            { return a.events }
func (a *attempt) ACK()                                 { a.end(nil) } // some outputs have dropped a few
func (a *attempt) Drop()                                { a.end(a.events) }
func (a *attempt) Retry()                               { a.end(a.events) }
func (a *attempt) RetryEvents(events []publisher.Event) { a.end(events) }
func (a *attempt) Cancelled()                           { a.end(a.events) }
func (a *attempt) SplitRetry() bool                     { return false } // who made the attempt divides it

// tally is the observer of an output whose batches are attempts: it counts the
// events that the output drops, and leaves it to whoever makes the attempts to
// count the events of the pipeline. The rest it passes on.
type tally struct {
	outputs.Observer
	dropped atomic.Int64
}

// Dropped returns how many events were dropped since the last call.
func (t *tally) Dropped() int { return int(t.dropped.Swap(0)) }

func (t *tally) PermanentErrors(n int) { t.dropped.Add(int64(n)) }
func (t *tally) NewBatch(int)          {}
func (t *tally) AckedEvents(int)       {}
func (t *tally) RetryableErrors(int)   {}
