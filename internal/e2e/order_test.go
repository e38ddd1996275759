// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

// A version that one node of Elasticsearch was too busy for is written behind the next
// one, which another node took meanwhile. A sweep puts the next one last.
func TestVersionWrittenBehindTheNextOne(t *testing.T) {
	t.Parallel()
	sim := startAppliance(t, tidy(20))
	changing := sim.Touch(1)[0]
	updated := func() string {
		indicator, ok := sim.ExpectedByID(changing)
		require.True(t, ok)
		return indicator.UpdatedAt.Format("2006-01-02T15:04:05.000Z")
	}
	first := updated()
	var (
		mu      sync.Mutex
		taken   []any // versions of the one that changes
		refused = make(chan struct{})
		next    = make(chan struct{}) // closed once the next one is taken
	)
	judge := func(event beattest.Event) *verdict {
		if event.Get("threatq.id") != float64(changing) {
			return nil
		}
		version := event.Get("threatq.updated_at")
		mu.Lock()
		isFirst := version == first
		again := len(taken) > 0
		mu.Unlock()
		if isFirst && !again {
			close(refused)
			<-next
			return tooManyRequests
		}
		mu.Lock()
		defer mu.Unlock()
		if !isFirst && len(taken) == 0 {
			close(next)
		}
		taken = append(taken, version)
		return nil
	}
	one, two := startElasticsearch(t), startElasticsearch(t)
	one.refuse, two.refuse = judge, judge
	dir := beattest.NewDir(t)
	settings := one.output(map[string]any{"hosts": []string{one.URL, two.URL}, "backoff": map[string]any{"init": "100ms", "max": "200ms"}})
	settings["threatqbeat.inputs"] = []any{sim.input("one", map[string]any{"reconcile.interval": "2s"})}
	settings["queue.mem.flush.timeout"] = "0s"
	dir.Configure(settings)
	beat := dir.Start("run")
	<-refused
	require.NoError(t, sim.Update(changing))
	last := updated()
	require.NotEqual(t, first, last)
	beat.Eventually("the first version behind the next one", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(taken) > 1 && taken[0] == last && taken[1] == first
	})
	beat.Eventually("the next one once more", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return taken[len(taken)-1] == last
	})
	beat.Stop()
}
