// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

// savedCursors runs cursor list --json.
func savedCursors(t *testing.T, dir *beattest.Dir) map[string]beattest.Event {
	t.Helper()
	output, code := dir.Run("cursor", "list", "--json")
	require.Zero(t, code, output)
	cursors := map[string]beattest.Event{}
	for line := range strings.Lines(output) {
		var cursor beattest.Event
		require.NoError(t, json.Unmarshal([]byte(line), &cursor), line)
		cursors[cursor["input_id"].(string)] = cursor
	}
	return cursors
}

func registryFiles(t *testing.T, dir *beattest.Dir) map[string]string {
	t.Helper()
	home := dir.File("data", "registry", "threatqbeat")
	entries, err := os.ReadDir(home)
	require.NoError(t, err)
	files := map[string]string{}
	for _, entry := range entries {
		text, err := os.ReadFile(dir.File("data", "registry", "threatqbeat", entry.Name()))
		require.NoError(t, err)
		info, err := entry.Info()
		require.NoError(t, err)
		files[entry.Name()] = info.ModTime().String() + info.Mode().String() + string(text)
	}
	return files
}

func TestCursorListAndReset(t *testing.T) {
	t.Parallel()
	const inA, inB = 1_200, 300
	a, b := startAppliance(t, dated(inA, 1)), startAppliance(t, dated(inB, 2))
	dir := beattest.NewDir(t)
	dir.Configure(map[string]any{
		"threatqbeat.inputs": []any{a.input("a", nil), b.input("b", nil)},
		// What is published is acknowledged, and its cursor saved, at once.
		"queue.mem.flush.timeout": "0s",
	})
	names := map[string]string{dir.Path: "DIR", a.URL: "http://a.example.com", b.URL: "http://b.example.com"}
	golden := func(file string, wantCode int, args ...string) {
		t.Helper()
		output, code := dir.Run(append([]string{"cursor"}, args...)...)
		assert.Equal(t, wantCode, code, output)
		requireGolden(t, "cursor_"+file+".txt", output, names)
	}

	golden("list_empty", 0, "list")
	golden("reset_empty", 0, "reset", "--all")

	collected := func() bool {
		cursors := savedCursors(t, dir)
		return cursors["a"].Get("collected") == float64(inA) && cursors["b"].Get("collected") == float64(inB)
	}
	beat := dir.Start("run")
	beat.Eventually("the cursors of both collections", collected)
	golden("reset_running", 1, "reset", "--all")
	assert.True(t, collected(), "a refused reset changes nothing")
	beat.Stop()

	before := registryFiles(t, dir)
	golden("list", 0, "list")
	golden("list_json", 0, "list", "--json")
	golden("reset_nothing", 1, "reset")
	golden("reset_both_ways", 1, "reset", "a", "--all")
	golden("reset_unknown", 1, "reset", "a", "c")
	golden("reset_other_collection", 1, "reset", "b", "--data-collection", "beef")
	assert.Equal(t, before, registryFiles(t, dir), "neither looking nor a mistake changes anything")

	golden("reset", 0, "reset", "b", "--url", b.URL+"/")
	golden("list_after", 0, "list")

	// The one is collected anew, the other goes on where it was.
	a.Add(10)
	beat = dir.Start("run")
	beat.Eventually("the second collection", func() bool { return dir.Lines() >= inA+inB+10+inB })
	beat.Eventually("its cursors", func() bool { return savedCursors(t, dir)["a"].Get("collected") == float64(inA+10) })
	beat.Stop()
	assert.Len(t, dir.Events(), inA+inB+10+inB)

	golden("reset_all", 0, "reset", "--all")
	golden("list_empty", 0, "list")
}

func TestCursorsAreFoundWhereRunPutsThem(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	sim := startAppliance(t, dated(10, 1))
	dir := beattest.NewDir(t)
	dir.Configure(map[string]any{"threatqbeat.inputs": []any{sim.input("a", nil)}, "queue.mem.flush.timeout": "0s"})
	elsewhere := []string{"--path.data", dir.File("elsewhere"), "-E", "threatqbeat.registry.path=" + dir.File("cursors")}
	beat := dir.Start(append([]string{"run"}, elsewhere...)...)
	list := append([]string{"cursor", "list"}, elsewhere...)
	beat.Eventually("the saved cursor", func() bool {
		output, code := dir.Run(list...)
		require.Zero(t, code, output)
		return strings.Contains(output, sim.URL)
	})
	output, code := dir.Run(append([]string{"cursor", "reset", "a"}, elsewhere...)...)
	assert.Equal(t, 1, code, output)
	assert.Contains(t, output, "running on the data directory "+dir.File("elsewhere"))
	beat.Stop()

	output, code = dir.Run("cursor", "list")
	assert.Zero(t, code, output)
	assert.Contains(t, output, "No cursor is saved in "+dir.File("data", "registry", "threatqbeat"))
	output, code = dir.Run(append([]string{"cursor", "reset", "a"}, elsewhere...)...)
	assert.Zero(t, code, output)
}

func TestCursorOfADamagedRegistry(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	dir := beattest.NewDir(t)
	dir.Configure(nil)
	require.NoError(t, os.MkdirAll(dir.File("data", "registry", "threatqbeat"), 0o755))
	output, code := dir.Run("cursor", "list")
	assert.Equal(t, 1, code, output)
	assert.Contains(t, output, "reading the registry of cursors in "+dir.File("data", "registry", "threatqbeat"))
}
