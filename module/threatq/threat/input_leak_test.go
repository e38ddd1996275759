// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"context"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	v2 "github.com/elastic/beats/v7/filebeat/input/v2"
	cursor "github.com/elastic/beats/v7/filebeat/input/v2/input-cursor"
	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/statestore"
	"github.com/elastic/beats/v7/libbeat/statestore/backend"
	"github.com/elastic/beats/v7/libbeat/statestore/storetest"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/monitoring"
	"github.com/elastic/elastic-agent-libs/paths"
	"github.com/elastic/go-concert/unison"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/delivery"
	"github.com/threatqbeat/threatqbeat/module/threatq/health"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// acknowledging is a pipeline that acknowledges each event at once.
type acknowledging struct{ events atomic.Int64 }

func (p *acknowledging) Connect() (beat.Client, error) { return p.ConnectWith(beat.ClientConfig{}) }

func (p *acknowledging) ConnectWith(cfg beat.ClientConfig) (beat.Client, error) {
	return &acknowledgingClient{p, cfg.EventListener}, nil
}

type acknowledgingClient struct {
	pipeline *acknowledging
	listener beat.EventListener
}

func (c *acknowledgingClient) Publish(event beat.Event) {
	c.pipeline.events.Add(1)
	if c.listener != nil {
		c.listener.AddEvent(event, true)
		c.listener.ACKEvents(1)
	}
}

func (c *acknowledgingClient) PublishAll(events []beat.Event) {
	for _, event := range events {
		c.Publish(event)
	}
}

func (c *acknowledgingClient) Close() error {
	if c.listener != nil {
		c.listener.ClientClosed()
	}
	return nil
}

// memoryStates keeps the cursors in memory.
type memoryStates struct{ registry *statestore.Registry }

func (m memoryStates) StoreFor(string) (*statestore.Store, error) { return m.registry.Get("test") }
func (m memoryStates) CleanupInterval() time.Duration             { return time.Minute }

// newInput returns a simulator and an input that collects from it, with an
// interval that no configuration permits, so that cycles follow each other fast.
func newInput(t *testing.T, indicators int) (*simulator.Simulator, func(ctx context.Context, p beat.PipelineConnector) error) {
	t.Helper()
	sim, err := simulator.New(simulator.Config{Indicators: indicators, Seed: 1})
	require.NoError(t, err)
	server, err := sim.Start("")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })

	cfg := sim.Config()
	return sim, newInputAt(t, storetest.NewMemoryStoreBackend(), server.URL, cfg.DataCollectionID, cfg.ClientID, cfg.ClientSecret)
}

// newInputAt returns an input that collects from an appliance and keeps its cursor in a
// backend.
func newInputAt(t *testing.T, cursors backend.Registry, url, collection, id, secret string) func(ctx context.Context, p beat.PipelineConnector) error {
	t.Helper()
	var group unison.TaskGroup
	t.Cleanup(func() { require.NoError(t, group.Stop()) })
	env := Environment{
		Read:  func(raw *conf.C) (*config.Input, error) { return config.ReadInput(raw, nil) },
		Log:   logp.NewNopLogger(),
		Store: memoryStates{statestore.NewRegistry(cursors)},
		Paths: &paths.Path{Logs: t.TempDir()},

		Reports:  &Reports{},
		Health:   &health.Board{},
		Delivery: delivery.NewTracker(delivery.Settings{MaxInFlight: 1 << 30}, &health.Board{}, monitoring.NewRegistry()),
	}
	manager := Plugin(env).Manager.(*knowing)
	configure := manager.Configure
	manager.Configure = func(raw *conf.C, log *logp.Logger) ([]cursor.Source, cursor.Input, error) {
		sources, in, err := configure(raw, log)
		if err == nil {
			in.(*input).cfg.Interval = time.Millisecond
		}
		return sources, in, err
	}
	require.NoError(t, manager.Init(&group))
	raw := conf.MustNewConfigFrom(map[string]any{
		"type": config.InputType, "id": "one", "url": url, "data_collection_id": collection,
		"auth.oauth2.client.id": id, "auth.oauth2.client.secret": secret,
		"page_size": 10, "request.retry": map[string]any{"max_attempts": 2, "wait_min": "1ms", "wait_max": "2ms"},
		"request.tracer.enabled": true,
	})
	in, err := manager.Create(raw)
	require.NoError(t, err)
	return func(ctx context.Context, p beat.PipelineConnector) error {
		return in.Run(v2.Context{
			Logger: logp.NewNopLogger(), ID: "one", IDWithoutName: "one", Name: config.InputType,
			Cancelation: ctx, MetricsRegistry: monitoring.NewRegistry(),
		}, p)
	}
}

// openFiles counts the open files and connections of this process.
func openFiles(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}

// An input that is started and stopped at any moment leaves no goroutine and no
// connection behind, and goes on where it was.
func TestInputLeavesNothingBehind(t *testing.T) {
	const indicators, starts = 500, 60
	sim, run := newInput(t, indicators)
	var p acknowledging
	before := goleak.IgnoreCurrent()
	files := openFiles(t)
	for i := range starts {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- run(ctx, &p) }()
		if i%3 == 0 {
			require.NoError(t, sim.Inject([]string{"stalled", "stalled", "stalled@1", "stalled@2"}[i%4]))
		}
		// The moment is another one each time.
		want := sim.Stats().Total(simulator.EndpointData) + i%4
		assert.Eventually(t, func() bool { return sim.Stats().Total(simulator.EndpointData) >= want }, 30*time.Second, 100*time.Microsecond)
		cancel()
		select {
		case err := <-ended:
			require.NoError(t, err)
		case <-time.After(time.Minute):
			t.Fatal("the input does not end")
		}
		sim.ClearFaults()
	}
	// The simulator's side of the connections ends in its own time.
	goleak.VerifyNone(t, before)
	assert.Eventually(t, func() bool { return openFiles(t) <= files }, 30*time.Second, 10*time.Millisecond, "open files")

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- run(ctx, &p) }()
	require.Eventually(t, func() bool { return p.events.Load() >= indicators }, time.Minute, time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
	assert.Less(t, p.events.Load(), int64(indicators+starts*10), "each stop repeats less than a page")
}

// A thousand cycles, faults among them, open no more files than a few.
func TestManyCyclesLeakNoFile(t *testing.T) {
	const cycles = 1_000
	sim, run := newInput(t, 30)
	var p acknowledging
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- run(ctx, &p) }()
	requests := func() int { return sim.Stats().Total(simulator.EndpointData) }
	wait := func(n int) {
		t.Helper()
		require.Eventually(t, func() bool { return requests() >= n }, time.Minute, time.Millisecond)
	}
	wait(20)
	before, goroutines := openFiles(t), runtime.NumGoroutine()
	for n := 20; n < cycles; n += 100 {
		require.NoError(t, sim.Inject("truncated,reset,html,503"))
		sim.RevokeTokens()
		sim.Touch(5)
		wait(n + 100)
	}
	assert.InDelta(t, before, openFiles(t), 4, "open files")
	assert.InDelta(t, goroutines, runtime.NumGoroutine(), 10, "goroutines")
	cancel()
	require.NoError(t, <-ended)
}
