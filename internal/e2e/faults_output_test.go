// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"maps"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

// A blocked output stops the collection; nothing is fetched for a queue that is
// full. When it takes events again, everything arrives, once.
func TestBlockedOutput(t *testing.T) {
	t.Parallel()
	const indicators, pageSize, queue = 5_000, 100, 400
	sim := startAppliance(t, tidy(indicators))
	es := startElasticsearch(t)
	es.block()
	dir := beattest.NewDir(t)
	settings := map[string]any{
		"threatqbeat.inputs": []any{sim.input("one", map[string]any{"page_size": pageSize})},
		"queue.mem":          map[string]any{"events": queue, "flush.min_events": 50, "flush.timeout": "100ms"},
	}
	maps.Copy(settings, es.output(nil))
	delete(settings, "queue.mem.flush.timeout")
	configureQueue(dir, settings)
	beat := dir.Start("run")

	pages := func() int { return sim.Stats().Pages }
	beat.Eventually("the queue is full", func() bool { return pages() >= queue/pageSize && es.bulks() > 0 })
	// The queue, what is published and what is fetched ahead, and no more.
	most := queue/pageSize + 2
	memory := int64(0)
	beat.Eventually("the collection to wait", func() bool {
		held := pages()
		memory = residentMemory(t, beat.PID())
		time.Sleep(2 * time.Second)
		return pages() == held
	})
	assert.LessOrEqual(t, pages(), most+1, "pages fetched while the output is blocked")
	assert.Less(t, residentMemory(t, beat.PID()), memory+32<<20, "memory while it waits")

	es.unblock()
	beat.Eventually("the arrival of everything", func() bool { return len(es.events()) >= indicators })
	beat.Stop()
	sim.requireEach(t, es.events(), true)
}

// A shutdown doesn't wait for an output that takes nothing, and loses nothing:
// the next start goes on from what was acknowledged.
func TestShutdownWhileTheOutputIsBlocked(t *testing.T) {
	t.Parallel()
	for name, output := range map[string]func(t *testing.T) (settings map[string]any, free func()){
		"no answer": func(t *testing.T) (map[string]any, func()) {
			es := startElasticsearch(t)
			es.block()
			return es.output(nil), es.unblock
		},
		"no connection": func(t *testing.T) (map[string]any, func()) {
			settings := startElasticsearch(t).output(map[string]any{
				"hosts": []string{"http://" + freeAddress(t)}, "backoff": map[string]any{"init": "30s", "max": "60s"},
			})
			return settings, func() {}
		},
		"Logstash without an answer": func(t *testing.T) (map[string]any, func()) {
			address, _ := startSilent(t)
			return map[string]any{"output": map[string]any{"logstash": map[string]any{"hosts": []string{address}}}}, func() {}
		},
		"Kafka without an answer": func(t *testing.T) (map[string]any, func()) {
			address, _ := startSilent(t)
			return map[string]any{"output": map[string]any{"kafka": map[string]any{"hosts": []string{address}, "topic": "threats"}}}, func() {}
		},
		"Redis without an answer": func(t *testing.T) (map[string]any, func()) {
			address, _ := startSilent(t)
			return map[string]any{"output": map[string]any{"redis": map[string]any{"hosts": []string{address}, "key": "threats"}}}, func() {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim := startAppliance(t, tidy(5_000))
			dir := beattest.NewDir(t)
			settings, free := output(t)
			defer free()
			settings["threatqbeat.inputs"] = []any{sim.input("one", map[string]any{"page_size": 100})}
			settings["queue.mem"] = map[string]any{"events": 400, "flush.min_events": 50, "flush.timeout": "100ms"}
			configureQueue(dir, settings)
			beat := dir.Start("run")
			beat.Eventually("the queue is full", func() bool { return sim.Stats().Pages >= 5 })
			time.Sleep(300 * time.Millisecond) // until it is stuck
			start := time.Now()
			beat.Stop()
			t.Logf("Ended after %s.", time.Since(start).Round(time.Millisecond))
			assert.Less(t, time.Since(start), soon)
			assert.NotContains(t, beat.Output(), "panic")

			// Nothing was acknowledged, so that nothing counts as collected.
			dir.Configure(map[string]any{"threatqbeat.inputs": []any{sim.input("one", nil)}})
			beat = dir.Start("run")
			beat.Eventually("the arrival of everything", func() bool { return dir.Lines() >= 5_000 })
			beat.Stop()
			sim.requireEach(t, dir.Events(), true)
		})
	}
}

// configureQueue is Configure for settings that have a queue.mem of their own.
func configureQueue(dir *beattest.Dir, settings map[string]any) {
	queue, _ := settings["queue.mem"].(map[string]any)
	delete(settings, "queue.mem")
	for key, value := range queue {
		settings["queue.mem."+key] = value
	}
	dir.Configure(settings)
}

// startSilent starts a server that takes connections and says nothing. The returned
// function, and the test's end, close it with all connections.
func startSilent(t *testing.T) (address string, free func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	free = func() { _ = listener.Close() }
	t.Cleanup(free)
	go func() {
		var kept []net.Conn
		for {
			conn, err := listener.Accept()
			if err != nil {
				for _, conn := range kept {
					_ = conn.Close()
				}
				return
			}
			kept = append(kept, conn)
		}
	}()
	return listener.Addr().String(), free
}
