// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// defaults are settings without those that make the other tests fast.
func defaults() object {
	return object{"setup.transforms.frequency": nil, "setup.transforms.sync_delay": nil, "queue.mem.flush.timeout": "10s"}
}

// A change on the appliance shows under the alias within 100 s at the default
// settings, in the worst case: right after a cycle, with too few events for a batch.
func TestChangeIsVisibleIn100Seconds(t *testing.T) {
	c := connect(t)
	c.reset()
	sim := startAppliance(t, 1, 5)
	dir := c.beat(defaults(), sim.input("one", map[string]any{"interval": "60s"}))
	c.setup(dir)
	beat := dir.Start("run")
	c.eventually("the first collection is active", 100*time.Second, func() bool { return len(c.active()) == 5 })
	requests := sim.Stats().Pages
	c.eventually("the next cycle has begun", 2*time.Minute, func() bool { return sim.Stats().Pages > requests })
	time.Sleep(time.Second)
	start := time.Now()
	const want = "198.51.100.1"
	sim.put(1, map[string]any{"value": want})
	c.eventually("the change is visible", 100*time.Second, func() bool {
		return get(c.active()[1], "threatq", "indicator_value") == want
	})
	t.Logf("visible after %s", time.Since(start).Round(time.Second))
	beat.Stop()
}

// The transform misses nothing of what arrives while Elasticsearch is busy: bulk
// requests for another index keep its processors and its write queue occupied.
func TestTransformMissesNothingWhileElasticsearchIsBusy(t *testing.T) {
	c := connect(t)
	c.reset()
	const indicators, updates = 2000, 60
	sim := startAppliance(t, 1, indicators)
	dir := c.beat(defaults(), sim.input("one", map[string]any{"interval": "2s"}))
	c.setup(dir)
	c.try("DELETE", "/threatqbeat-integration-busy", nil)
	t.Cleanup(func() { c.try("DELETE", "/threatqbeat-integration-busy", nil) })

	var documents atomic.Int64
	var load sync.WaitGroup
	done := make(chan struct{})
	body := strings.Repeat(`{"create":{}}`+"\n"+`{"text":"`+strings.Repeat("some words to be analysed ", 100)+`","n":1}`+"\n", 500)
	for range 6 {
		load.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if status, _, err := c.bulk("threatqbeat-integration-busy", body); err == nil && status == 200 {
					documents.Add(500)
				}
			}
		})
	}
	beat := dir.Start("run")
	last := map[int]string{}
	for round := range updates {
		for n := range 20 {
			id := 1 + (round*20+n)%indicators
			last[id] = fmt.Sprintf("203.0.113.%d", round)
			sim.put(id, map[string]any{"value": last[id]})
		}
		time.Sleep(time.Second)
	}
	close(done)
	load.Wait()
	missing := func() (wrong []int) {
		active := c.active()
		for id := 1; id <= indicators; id++ {
			if want, changed := last[id]; active[id] == nil || changed && get(active[id], "threatq", "indicator_value") != want {
				wrong = append(wrong, id)
			}
		}
		return wrong
	}
	c.eventually("every indicator is there in its last version", 2*time.Minute, func() bool { return len(missing()) == 0 })
	beat.Stop()
	assert.Empty(t, missing())
	require.Positive(t, documents.Load())
	t.Logf("%d updates while %d other documents were indexed", updates*20, documents.Load())
}
