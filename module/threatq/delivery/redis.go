// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/common/backoff"
	"github.com/elastic/beats/v7/libbeat/outputs"
	"github.com/elastic/beats/v7/libbeat/outputs/outil"
	"github.com/elastic/beats/v7/libbeat/publisher"
	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// aroundRedis returns the output redis, whose clients hold events for which the
// settings give no key. Libbeat's drops them.
func aroundRedis(factory outputs.Factory) outputs.Factory {
	return func(im outputs.IndexManager, info beat.Info, observer outputs.Observer, cfg *config.C) (outputs.Group, error) {
		group, err := factory(im, info, observer, cfg) // which sets key to index where there is none
		if err != nil {
			return group, err
		}
		log := info.Logger.Named("redis")
		key, err := outil.BuildSelectorFromConfig(cfg, outil.Settings{
			Key: "key", MultiKey: "keys", EnableSingleOnly: true, FailEmpty: true, Case: outil.SelectorKeepCase,
		}, log)
		if err != nil {
			return outputs.Fail(fmt.Errorf("output.redis.key: %w", err))
		}
		if key.IsConst() && !key.IsEmpty() {
			return group, nil
		}
		for i, inner := range group.Clients {
			network, ok := inner.(outputs.NetworkClient)
			if !ok {
				return outputs.Fail(fmt.Errorf("the client %s can't be connected", inner))
			}
			closed := make(chan struct{})
			group.Clients[i] = &redis{
				NetworkClient: network, observer: observer, log: log, key: key,
				closed: closed, backoff: backoff.NewEqualJitterBackoff(closed, time.Second, time.Minute),
			}
		}
		return group, nil
	}
}

// redis is a client of the output redis whose key depends on the event.
type redis struct {
	outputs.NetworkClient
	observer outputs.Observer
	log      *logp.Logger
	key      outil.Selector

	held      bool
	backoff   backoff.Backoff
	closed    chan struct{}
	closeOnce sync.Once
}

var errNoKey = errors.New("no rule fits")

// Publish sends a batch, unless an event of it has no key.
func (c *redis) Publish(ctx context.Context, batch publisher.Batch) error {
	events := batch.Events()
	for i := range events {
		key, err := c.key.Select(&events[i].Content)
		if err == nil && key == "" {
			err = errNoKey
		}
		if err == nil {
			continue
		}
		why := fmt.Sprintf("output.redis.key gives no key for %s (%s), so that it and what comes after it is held: correct the field's name, or give the format a default, such as %%{[threatq.status]:threatq}",
			registry.IndicatorOf(&events[i].Content), err)
		c.log.Error(why)
		Blocked(why)
		c.held = true
		c.observer.NewBatch(len(events))
		c.observer.RetryableErrors(len(events))
		c.backoff.Wait()
		batch.Retry()
		return nil
	}
	if c.held {
		c.held = false
		Blocked("")
		c.backoff.Reset()
	}
	return c.NetworkClient.Publish(ctx, batch)
}

// Close ends Publish's waiting as well.
func (c *redis) Close() error {
	c.closeOnce.Do(func() { close(c.closed) })
	return c.NetworkClient.Close()
}
