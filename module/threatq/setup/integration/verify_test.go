// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// verify agrees after a first collection, after indicators have left and joined and
// one sweep, after documents were deleted and repaired, and after a foreign one was
// retired.
func TestVerify(t *testing.T) {
	c := connect(t)
	c.reset()
	sim := startAppliance(t, 1, 2_000)
	dir := c.beat(nil, sim.input("one", map[string]any{"reconcile.interval": "10s"}))
	c.setup(dir)
	beat := dir.Start("run")
	c.eventually("all are active", patience, func() bool { return len(c.active()) == 2_000 })

	verify := func(code int, args ...string) string {
		t.Helper()
		output, got := dir.Run(append([]string{"verify", "--wait", "20s", "--timeout", "3m"}, args...)...)
		require.Equal(t, code, got, output)
		return output
	}
	assert.Contains(t, verify(0), "Equal")

	left := sim.Leave(20)
	c.eventually("a sweep has retired them", patience, func() bool { return len(c.active()) == 1_980 })
	require.NoError(t, sim.Rejoin(left[:10]...))
	joined := sim.Join(10)
	c.eventually("a sweep has found them", patience, func() bool { return c.has(int(left[0]), int(left[9])) })
	require.Len(t, joined, 10)
	assert.Contains(t, verify(0), "Equal")
	beat.Stop()

	deleted := c.must("POST", "/"+assets.Alias+"/_delete_by_query?refresh=true", object{
		"query": object{"range": object{"threatq.id": object{"gte": 100, "lt": 150}}},
	})["deleted"].(float64)
	require.Positive(t, deleted)
	assert.Contains(t, verify(1), "missing   "+strconv.Itoa(int(deleted))+" ")
	assert.Contains(t, verify(0, "--repair"), "Equal")

	c.must("POST", "/"+assets.DataStreamPrefix+"default/_doc?refresh=true&op_type=create", object{
		"@timestamp": time.Now(), "event": object{"kind": "enrichment"},
		"data_stream": object{"type": "logs", "dataset": "ti_threatq.threat", "namespace": "default"},
		"threatq":     object{"id": 77_000_000, "indicator_id": 77_000_000, "updated_at": time.Now(), "ioc_expired_at": time.Now().Add(time.Hour), "ioc_expiration_reason": "foreign"},
	})
	c.eventually("the foreign one is active", patience, func() bool { return c.has(77_000_000) })
	assert.Contains(t, verify(1), "foreign   1 ")
	assert.Contains(t, verify(0, "--retire-foreign"), "Equal")
}

// A million indicators, when THREATQBEAT_SOAK is set: how long verify takes and how
// much memory it needs is in its output.
func TestVerifyAMillion(t *testing.T) {
	if os.Getenv("THREATQBEAT_SOAK") == "" {
		t.Skip("THREATQBEAT_SOAK is not set")
	}
	c := connect(t)
	c.reset()
	cfg := simulator.DefaultConfig()
	cfg.Indicators, cfg.Untidy = 1_000_000, 0
	sim, err := simulator.New(cfg)
	require.NoError(t, err)
	server, err := sim.Start("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { server.Close() })
	a := &appliance{Simulator: sim, t: t, url: server.URL, cfg: cfg}
	// With the transform's defaults: a busy Elasticsearch needs longer than the five seconds of the other
	// tests until what arrived can be searched.
	dir := c.beat(object{"setup.transforms.frequency": nil, "setup.transforms.sync_delay": nil},
		a.input("one", map[string]any{"page_size": 5000}))
	c.setup(dir)
	dir.Start("run")
	c.eventually("all are collected", time.Hour, func() bool {
		_, found := c.try("GET", "/"+assets.DataStreams+"/_count", nil)
		n, _ := found["count"].(float64)
		return n >= 1_000_000
	})
	before := -1.0
	c.eventually("the transform has seen them all", 30*time.Minute, func() bool {
		active, _ := c.must("GET", "/"+assets.Alias+"/_count", nil)["count"].(float64)
		settled := active > 0 && active <= before // a few expire each minute
		before = active
		time.Sleep(30 * time.Second)
		return settled
	})
	verify := dir.Start("verify", "--wait", "10s")
	var peak []byte
	c.eventually("verify ends", 10*time.Minute, func() bool {
		if status, err := os.ReadFile(path("/proc/%d/status", verify.PID())); err == nil {
			peak = regexp.MustCompile(`VmHWM:.*`).Find(status)
		}
		return verify.Exited()
	})
	require.Zero(t, verify.Wait(), verify.Output())
	t.Logf("%s\n%s", verify.Output(), peak)
}
