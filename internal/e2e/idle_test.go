// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// A cycle that finds nothing new is one request for a page, no other page again
// and no new token.
func TestCycleWithoutNewsIsOneRequest(t *testing.T) {
	t.Parallel()
	const indicators = 1500
	sim := startAppliance(t, tidy(indicators))
	dir := beattest.NewDir(t)
	dir.Configure(map[string]any{"threatqbeat.inputs": []any{sim.input("one", nil)}})
	beat := dir.Start("run")

	beat.Eventually("five cycles", func() bool { return len(cycles(dir)) >= 5 })
	beat.Stop()

	found := cycles(dir)
	require.EqualValues(t, indicators, found[0]["indicators"], "the first cycle collects everything")
	first, _ := found[0]["pages"].(float64)
	for _, cycle := range found[1:] {
		assert.Zero(t, cycle["indicators"])
		assert.EqualValues(t, 1, cycle["pages"])
	}
	stats := sim.Stats()
	requests := stats.Total(simulator.EndpointData)
	// A request may have been on its way when the Beat was stopped.
	assert.Contains(t, []int{0, 1}, requests-int(first)-(len(found)-1), "requests beyond one for each cycle")
	assert.Empty(t, stats.Refetched())
	assert.EqualValues(t, indicators, stats.Indicators)
	assert.Equal(t, 1, stats.Tokens)
}

// cycles returns the log lines of the completed cycles.
func cycles(dir *beattest.Dir) []beattest.Event {
	var found []beattest.Event
	for _, line := range dir.Logs() {
		if line["message"] == "The cycle is complete." {
			found = append(found, line)
		}
	}
	return found
}

// Between two cycles nothing polls, spins or is kept busy by what was collected.
func TestIdleCostsNothing(t *testing.T) {
	beattest.SkipUnderRace(t, "measures processor time")
	if runtime.GOOS != "linux" {
		t.Skip("reads a process's CPU time from /proc")
	}
	t.Parallel()
	const (
		period = 2 * time.Second
		most   = 50 * time.Millisecond // five ticks of the clock that the kernel counts with
	)
	sim := startAppliance(t, tidy(5000))
	dir := beattest.NewDir(t)
	dir.Configure(map[string]any{
		"threatqbeat.inputs": []any{sim.input("one", map[string]any{"interval": "1h"})},
		"logging":            map[string]any{"level": "info", "to_files": true, "to_stderr": false},
	})
	beat := dir.Start("run")
	beat.Eventually("the first cycle", func() bool { return len(cycles(dir)) == 1 && dir.Lines() >= 5000 })

	// What the collection left to do, such as garbage, may take a moment.
	beat.Eventually(fmt.Sprintf("less than %s of CPU time in %s", most, period), func() bool {
		before := cpuTime(t, beat.PID())
		time.Sleep(period)
		return cpuTime(t, beat.PID())-before < most
	})
	beat.Stop()
}

// cpuTime returns the time that a process has spent in user and system mode.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	// The second field, the name in brackets, may hold spaces.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		require.NoError(t, err)
		ticks += n
	}
	const ticksPerSecond = 100 // on every Linux that Go runs on
	return time.Duration(ticks) * time.Second / ticksPerSecond
}
