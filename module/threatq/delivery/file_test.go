// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/outputs"
	"github.com/elastic/beats/v7/libbeat/publisher"
	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/mapstr"
	"github.com/elastic/elastic-agent-libs/monitoring"

	"github.com/threatqbeat/threatqbeat/module/threatq/health"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

func fileEvents(in *Input, values ...string) []publisher.Event {
	var events []publisher.Event
	for i, value := range values {
		events = append(events, publisher.Event{Content: beat.Event{
			Private: in.plain,
			Fields:  mapstr.M{"threatq": mapstr.M{"id": int64(i), "indicator_value": value}},
		}})
		in.published()
	}
	return events
}

func newFileOutput(t *testing.T, dir string) (*fileOutput, *Input, *health.Keeper) {
	board := &health.Board{}
	keeper := board.Start("one")
	keeper.Clear(health.Cycle)
	in := NewTracker(Settings{MaxInFlight: 1 << 20}, board, monitoring.NewRegistry()).Input("one")
	group, err := insteadOfFile(nil)(nil, beat.Info{Beat: "test", Version: "9.9.9", Logger: logp.NewNopLogger()}, outputs.NewNilObserver(),
		config.MustNewConfigFrom(map[string]any{"path": dir, "rotate_every_kb": 1}))
	require.NoError(t, err)
	f := group.Clients[0].(*fileOutput)
	t.Cleanup(func() { _ = f.Close() })
	return f, in, keeper
}

func written(t *testing.T, dir string) (lines []string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
	require.NoError(t, err)
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			lines = append(lines, line)
		}
	}
	return lines
}

// What can't be written is held, and written once it can be.
func TestFileThatCannotBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "events")
	require.NoError(t, os.WriteFile(dir, nil, 0o600)) // in the way
	synctest.Test(t, func(t *testing.T) {
		f, in, keeper := newFileOutput(t, dir)
		b := &testBatch{events: fileEvents(in, "a", "b")}
		start := time.Now()
		require.NoError(t, f.Publish(context.Background(), b))
		assert.GreaterOrEqual(t, time.Since(start), time.Second, "it waits before the next attempt")
		require.Len(t, b.again, 2)
		in.look(time.Now())
		assert.Equal(t, health.Output, keeper.Worst().Source)
		assert.Contains(t, keeper.Worst().Reason, "output.file: writing to "+dir)

		require.NoError(t, os.Remove(dir))
		b = &testBatch{events: b.again}
		require.NoError(t, f.Publish(context.Background(), b))
		assert.Equal(t, 1, b.signals)
		assert.Empty(t, b.again)
		in.look(time.Now())
		assert.Equal(t, health.Condition{}, keeper.Worst())
		assert.Len(t, written(t, dir), 2)
	})
}

// A line that a failure cut short is ended before the next one is written.
func TestLineAfterABrokenOne(t *testing.T) {
	dir := t.TempDir()
	f, in, _ := newFileOutput(t, dir)
	f.broken = true
	require.NoError(t, f.Publish(context.Background(), &testBatch{events: fileEvents(in, "a", "b")}))
	lines := written(t, dir)
	require.Len(t, lines, 3)
	assert.Equal(t, "\n", lines[0])
	assert.Contains(t, lines[1], `"a"`)
	assert.Contains(t, lines[2], `"b"`)
}

// An event that no file can hold, or that can't be encoded, costs itself only.
func TestEventThatNoFileCanHold(t *testing.T) {
	dir := t.TempDir()
	f, in, keeper := newFileOutput(t, dir)
	var refused []registry.Indicator
	in.OnRefused(func(i registry.Indicator) { refused = append(refused, i) })
	b := &testBatch{events: fileEvents(in, "a", strings.Repeat("x", 2000), "c", "d")}
	b.events[3].Content.Fields["wrong"] = func() {}
	require.NoError(t, f.Publish(context.Background(), b))
	assert.Equal(t, 1, b.signals)
	assert.Empty(t, b.again)
	assert.Len(t, written(t, dir), 2)
	assert.Equal(t, []registry.Indicator{{ID: 1, IndicatorID: registry.Missing}, {ID: 3, IndicatorID: registry.Missing}}, refused)
	assert.Equal(t, health.Refused, keeper.Worst().Source)
}

// Below such a path no file would be rotated.
func TestFileBelowAPattern(t *testing.T) {
	for _, path := range []string{"a[b]", "a[b", "*"} {
		_, err := insteadOfFile(nil)(nil, beat.Info{Logger: logp.NewNopLogger()}, outputs.NewNilObserver(),
			config.MustNewConfigFrom(map[string]any{"path": filepath.Join(t.TempDir(), path)}))
		assert.ErrorContains(t, err, "output.file is ")
	}
}
