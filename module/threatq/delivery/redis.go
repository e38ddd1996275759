// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/outputs"
	"github.com/elastic/beats/v7/libbeat/outputs/outil"
	"github.com/elastic/beats/v7/libbeat/publisher"
	"github.com/elastic/elastic-agent-libs/config"

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
		return WrapClients(group, func(inner outputs.NetworkClient) outputs.NetworkClient {
			return &redis{pausing{inner, newHolding(log, time.Second, time.Minute)}, observer, key}
		})
	}
}

// redis is a client of the output redis whose key depends on the event.
type redis struct {
	pausing
	observer outputs.Observer
	key      outil.Selector
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
		c.pause.hold(fmt.Sprintf("output.redis.key gives no key for %s (%s), so that it and what comes after it is held: correct the field's name, or give the format a default, such as %%{[threatq.status]:threatq}",
			registry.IndicatorOf(&events[i].Content), err))
		c.observer.NewBatch(len(events))
		c.observer.RetryableErrors(len(events))
		c.pause.Wait()
		batch.Retry()
		return nil
	}
	c.pause.resume()
	return c.NetworkClient.Publish(ctx, batch)
}
