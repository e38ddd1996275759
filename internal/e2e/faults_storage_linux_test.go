// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// mountMemory mounts a small file system, which only root may.
func mountMemory(t *testing.T, dir string, flags uintptr) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	err := syscall.Mount("tmpfs", dir, "tmpfs", flags, "size=256k")
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		t.Skip("not permitted to mount a file system:", err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

func TestReadOnlyDataDirectory(t *testing.T) {
	t.Parallel()
	sim := startAppliance(t, tidy(100))
	dir := beattest.NewDir(t)
	mountMemory(t, dir.File("data"), syscall.MS_RDONLY)
	dir.Configure(map[string]any{"threatqbeat.inputs": []any{sim.input("one", nil)}})
	output, code := dir.Run("run")
	assert.Equal(t, 1, code)
	assert.Contains(t, output, dir.File("data"))
	assert.Contains(t, output, "read-only file system")
	assert.NotContains(t, output, "goroutine")
	assert.Zero(t, sim.Stats().Total(simulator.EndpointData), "nothing is collected that could not be saved")
}

// What can't be written because the disk is full is written once there is room.
func TestFullOutputDirectory(t *testing.T) {
	t.Parallel()
	const indicators = 500
	sim := startAppliance(t, tidy(indicators))
	dir := beattest.NewDir(t)
	mountMemory(t, dir.File("events"), 0)
	settings := map[string]any{
		"threatqbeat.inputs":      []any{sim.input("one", map[string]any{"page_size": 50})},
		"queue.mem.flush.timeout": "0s",
	}
	get := withEndpoint(t, dir, settings)
	dir.Configure(settings)
	var root beattest.Event
	is := func(want string) func() bool {
		return func() bool { return get("/", &root) && root.Get("health.status") == want }
	}
	beat := dir.Start("run")
	beat.Eventually("the health to say so", is("degraded"))
	assert.Contains(t, root.Get("health.reason"), "no space left on device")
	collected, _ := savedCursors(t, dir)["one"].Get("collected").(float64)
	assert.Less(t, collected, float64(indicators), "the cursor stays")
	beat.Kill()

	beat = dir.Start("run")
	beat.Eventually("the health to say so", is("degraded"))
	require.NoError(t, syscall.Mount("tmpfs", dir.File("events"), "tmpfs", syscall.MS_REMOUNT, "size=16m"))
	beat.Eventually("the cursor", func() bool { return savedCursors(t, dir)["one"].Get("collected") == float64(indicators) })
	beat.Eventually("the health to recover", is("healthy"))
	beat.Stop()
	sim.requireEach(t, dir.Events(), false)
}

// Known indicators that can't be saved keep nothing from being collected, and the health
// says so until there is room, though nothing comes any more.
func TestFullDirectoryOfKnownIndicators(t *testing.T) {
	t.Parallel()
	const indicators = 500
	sim := startAppliance(t, tidy(indicators))
	dir := beattest.NewDir(t)
	known := dir.File("data", "registry", "known")
	mountMemory(t, known, 0)
	filler := fill(t, known)
	settings := map[string]any{"threatqbeat.inputs": []any{sim.input("one", map[string]any{"page_size": 50})}}
	get := withEndpoint(t, dir, settings)
	dir.Configure(settings)
	var root beattest.Event
	is := func(want string) func() bool {
		return func() bool {
			root = nil // what the process before has said
			return get("/", &root) && root.Get("health.status") == want
		}
	}
	beat := dir.Start("run")
	beat.Eventually("the collection", func() bool { return dir.Lines() >= indicators })
	beat.Eventually("the cursor", func() bool { return savedCursors(t, dir)["one"].Get("collected") == float64(indicators) })
	beat.Eventually("the health to say so", is("degraded"))
	assert.Contains(t, root.Get("health.reason"), "the known indicators can't be saved")
	assert.Contains(t, root.Get("health.reason"), "no space left on device")
	assert.Contains(t, root.Get("health.reason"), "make room in path.data")

	require.NoError(t, os.Remove(filler))
	beat.Eventually("the health to recover", is("healthy"))
	beat.Kill()
	beat = dir.Start("run")
	beat.Eventually("the health of the next start", is("healthy"))
	beat.Stop()
	sim.requireEach(t, dir.Events(), true)
}

// fill fills a file system, and returns the file that does.
func fill(t *testing.T, dir string) string {
	t.Helper()
	filler, err := os.Create(filepath.Join(dir, "filler"))
	require.NoError(t, err)
	for size := 64 << 10; size > 0; {
		if _, err := filler.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	require.NoError(t, filler.Close())
	return filler.Name()
}

// While the disk is full, indicators are collected all the same; the cursor is
// saved again as soon as there is room.
func TestFullDataDirectory(t *testing.T) {
	t.Parallel()
	const indicators = 500
	sim := startAppliance(t, tidy(indicators))
	dir := beattest.NewDir(t)
	mountMemory(t, dir.File("data"), 0)
	settings := map[string]any{
		"threatqbeat.inputs":      []any{sim.input("one", map[string]any{"page_size": 50})},
		"queue.mem.flush.timeout": "0s",
	}
	get := withEndpoint(t, dir, settings)
	dir.Configure(settings)
	beat := dir.Start("run")
	beat.Eventually("the first collection", func() bool { return dir.Lines() >= indicators })

	filler := fill(t, dir.File("data"))
	failed := func() bool {
		for _, message := range dir.LogMessages("error") {
			if message != "" {
				return true
			}
		}
		return false
	}
	lines := indicators
	for !failed() {
		sim.Touch(50)
		lines += 50
		beat.Eventually("the collection of the updates", func() bool { return dir.Lines() >= lines })
		require.Less(t, lines, 20_000, "the disk is full, but nothing says so")
	}

	var root beattest.Event
	require.True(t, get("/", &root))
	assert.Equal(t, "degraded", root.Get("health.status"))
	assert.Contains(t, root.Get("health.reason"), "no space left on device")

	require.NoError(t, os.Remove(filler))
	for range 3 {
		sim.Touch(50)
		lines += 50
		beat.Eventually("the collection of the updates", func() bool { return dir.Lines() >= lines })
	}
	beat.Eventually("the saved cursor", func() bool {
		return savedCursors(t, dir)["one"].Get("collected") == float64(lines)
	})
	beat.Eventually("the health to recover", func() bool { return get("/", &root) && root.Get("health.status") == "healthy" })
	complaints := len(dir.LogMessages("error"))
	sim.Touch(50)
	lines += 50
	beat.Eventually("the collection of the updates", func() bool { return dir.Lines() >= lines })
	beat.Stop()
	assert.Len(t, dir.LogMessages("error"), complaints, "what was broken is whole again")

	before := sim.Stats().Indicators
	beat = dir.Start("run")
	requests := sim.Stats().Total(simulator.EndpointData)
	beat.Eventually("another cycle", func() bool {
		time.Sleep(50 * time.Millisecond)
		return sim.Stats().Total(simulator.EndpointData) > requests
	})
	beat.Stop()
	assert.Equal(t, before, sim.Stats().Indicators, "a start from the saved cursor collects nothing anew")
}
