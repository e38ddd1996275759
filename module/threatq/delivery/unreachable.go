// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/outputs"
	"github.com/elastic/beats/v7/libbeat/publisher"
	"github.com/elastic/elastic-agent-libs/config"

	"github.com/threatqbeat/threatqbeat/config/secrets"
)

// shipsTo is where the output ships to, nil when that is no server. It belongs to the
// process, as what replaces outputs does.
var shipsTo atomic.Pointer[target]

// target remembers what the clients of an output last failed with.
type target struct {
	output string // its name
	hosts  []string
	failed atomic.Pointer[failure]
}

type failure struct {
	err error
	at  time.Time
}

// silence says what an output is waiting for that has acknowledged nothing since then.
func silence(since time.Time) string {
	to := shipsTo.Load()
	if to == nil {
		return "is it reachable? The log says what it answers"
	}
	return to.silence(since)
}

func (to *target) silence(since time.Time) string {
	why := "no answer"
	if last := to.failed.Load(); last != nil && last.at.After(since) {
		why = strings.TrimSuffix(shorten(last.err.Error()), ".") // some of Redis' answers end with one
	}
	return secrets.Hide(fmt.Sprintf("output.%s at %s: %s. Check that it runs, and the settings under output.%s",
		to.output, strings.Join(to.hosts, ", "), why, to.output))
}

// shorten puts a text of others into one line of bounded length.
func shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "..."
	}
	return text
}

// Watched returns the output of a factory, whose clients leave what they fail with for
// the health.
func Watched(name string, factory outputs.Factory) outputs.Factory {
	return func(im outputs.IndexManager, info beat.Info, observer outputs.Observer, cfg *config.C) (outputs.Group, error) {
		group, err := factory(im, info, observer, cfg)
		if err != nil {
			return group, err
		}
		hosts, err := outputs.ReadHostList(cfg)
		if err != nil {
			return outputs.Fail(fmt.Errorf("output.%s.hosts: %w", name, err))
		}
		to := &target{output: name, hosts: slices.Compact(hosts)} // each is there once for each worker
		shipsTo.Store(to)
		return WrapClients(group, func(inner outputs.NetworkClient) outputs.NetworkClient { return &watchedClient{inner, to} })
	}
}

type watchedClient struct {
	outputs.NetworkClient
	target *target
}

func (c *watchedClient) Connect(ctx context.Context) error {
	return c.note(c.NetworkClient.Connect(ctx))
}

func (c *watchedClient) Publish(ctx context.Context, batch publisher.Batch) error {
	return c.note(c.NetworkClient.Publish(ctx, &kept{batch, ctx}))
}

// kept is a batch that is not given back once the output closes, which is when its
// context ends: by then Libbeat counts what it is given back as acknowledged
// (eventConsumer.retry). What is kept is collected again at the next start.
type kept struct {
	publisher.Batch
	ctx context.Context
}

func (b *kept) giveBack(by func()) {
	if b.ctx.Err() == nil {
		by()
	}
}

func (b *kept) Retry()     { b.giveBack(b.Batch.Retry) }
func (b *kept) Cancelled() { b.giveBack(b.Batch.Cancelled) }

func (b *kept) RetryEvents(events []publisher.Event) {
	b.giveBack(func() { b.Batch.RetryEvents(events) })
}

// SplitRetry gives back the batch in two parts, if it has two events.
func (b *kept) SplitRetry() bool {
	return b.ctx.Err() != nil || b.Batch.SplitRetry()
}

func (c *watchedClient) note(err error) error {
	if err != nil {
		c.target.failed.Store(&failure{err, time.Now()})
	}
	return err
}
