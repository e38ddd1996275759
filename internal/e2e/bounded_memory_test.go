// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// memoryOf collects that many indicators, and returns the most memory that took.
func memoryOf(t *testing.T, indicators int) int64 {
	t.Helper()
	sim := startAppliance(t, tidy(indicators))
	dir := beattest.NewDir(t)
	api := freeAddress(t)
	dir.Configure(map[string]any{
		"threatqbeat.inputs": []any{sim.input("one", nil)},
		"output":             map[string]any{"discard": map[string]any{}},
		"logging":            map[string]any{"level": "info", "to_files": true},
		"http":               endpointAt(api),
	})
	start := time.Now()
	beat := dir.Start("run")
	beat.Eventually(fmt.Sprintf("the collection of %d indicators", indicators), func() bool {
		for _, input := range inputStates(t, api) {
			if collected, _ := input["indicators_total"].(float64); int(collected) >= indicators {
				return true
			}
		}
		return false
	})
	took := time.Since(start)
	most := peakMemory(t, beat.PID())
	beat.Stop()
	t.Logf("%d indicators: %s, at most %d MiB.", indicators, took.Round(time.Millisecond), most>>20)
	return most
}

// Memory depends on page_size and the queue, not on how much there is to collect.
func TestMemoryDoesNotGrowWithTheCollection(t *testing.T) {
	beattest.SkipUnderRace(t, "measures memory")
	t.Parallel()
	small := memoryOf(t, 20_000)
	large := memoryOf(t, 100_000)
	// What the garbage collector makes of it differs from run to run.
	assert.Less(t, large, small*3/2, "five times the indicators")
}

func TestSoakMemoryOfAMillion(t *testing.T) {
	soak(t)
	small := memoryOf(t, 20_000)
	large := memoryOf(t, 1_000_000)
	assert.Less(t, large, small*3/2, "fifty times the indicators")
}

// Cycles that all bring something, with a fault now and then: neither
// memory nor goroutines nor files grow.
func TestSoakCyclesWithoutEnd(t *testing.T) {
	soak(t)
	const minutes = 10
	sim := startAppliance(t, simulator.Config{Indicators: 50_000, Seed: 1, UpdatesPerSecond: 500, Untidy: 0.2})
	dir := beattest.NewDir(t)
	api := freeAddress(t)
	dir.Configure(map[string]any{
		"threatqbeat.inputs": []any{sim.input("one", map[string]any{"request.retry": map[string]any{"max_attempts": 2, "wait_min": "10ms", "wait_max": "20ms"}})},
		"output":             map[string]any{"discard": map[string]any{}},
		"logging":            map[string]any{"level": "info", "to_files": true},
		"http":               endpointAt(api),
	})
	beat := dir.Start("run")
	beat.Eventually("the first collection", func() bool { return sim.Stats().Indicators >= 50_000 })
	kinds := []string{"503*3", "reset", "truncated*3", "badjson", "401", "html*3", "stalled", "token/500"}
	var memory []int64
	var files []int
	for minute := range minutes {
		deadline := time.Now().Add(time.Minute)
		for round := 0; time.Now().Before(deadline); round++ {
			require.NoError(t, sim.Inject(kinds[round%len(kinds)]))
			if round%10 == 0 {
				sim.RevokeTokens()
			}
			time.Sleep(2 * time.Second)
		}
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", beat.PID()))
		require.NoError(t, err)
		memory, files = append(memory, residentMemory(t, beat.PID())), append(files, len(entries))
		t.Logf("Minute %d: %d MiB, %d open files, %d requests.", minute+1, memory[minute]>>20, files[minute], sim.Stats().Total(simulator.EndpointData))
	}
	beat.Stop()
	assert.Less(t, memory[minutes-1], memory[1]*5/4, "resident memory")
	assert.LessOrEqual(t, files[minutes-1], files[1]+4, "open files")
}

// The metrics are for this host only unless http.host says otherwise.
func TestMetricsEndpointIsLocal(t *testing.T) {
	t.Parallel()
	sim := startAppliance(t, tidy(10))
	dir := beattest.NewDir(t)
	_, port, err := net.SplitHostPort(freeAddress(t))
	require.NoError(t, err)
	dir.Configure(map[string]any{
		"threatqbeat.inputs": []any{sim.input("one", nil)},
		"http":               map[string]any{"enabled": true, "port": port},
	})
	beat := dir.Start("run")
	beat.Eventually("the metrics", func() bool { return len(inputStates(t, net.JoinHostPort("localhost", port))) == 1 })
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, address := range addresses {
		ip, ok := address.(*net.IPNet)
		if !ok || ip.IP.IsLoopback() || ip.IP.IsLinkLocalUnicast() {
			continue
		}
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(ip.IP.String(), port), time.Second)
		if err == nil {
			_ = conn.Close()
		}
		assert.Error(t, err, "the metrics can be reached at %s", ip.IP)
	}
	beat.Stop()
}
