// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// soon bounds what is promised within a second or a few. The rest is for a machine that
// runs other tests as well.
const soon = beattest.Slowness * 10 * time.Second

// skipCommands skips, under the race detector, a test of commands that end by themselves.
func skipCommands(t *testing.T) {
	t.Helper()
	beattest.SkipUnderRace(t, "such a command runs nothing side by side")
}

// appliance is a running simulator.
type appliance struct {
	*simulator.Simulator
	URL string
}

func startAppliance(t *testing.T, cfg simulator.Config) *appliance {
	t.Helper()
	sim, err := simulator.New(cfg)
	require.NoError(t, err)
	server, err := sim.Start("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	return &appliance{sim, server.URL}
}

func tidy(indicators int) simulator.Config {
	return simulator.Config{Indicators: indicators, Seed: 1}
}

// input returns the configuration of an input for the appliance.
func (a *appliance) input(id string, settings map[string]any) map[string]any {
	cfg := a.Config()
	return beattest.Input(id, a.URL, cfg.DataCollectionID, cfg.ClientID, cfg.ClientSecret, settings)
}

// settled makes a condition of complete, which looks at all that has arrived: it is asked
// once nothing more arrives, and again only when something has arrived since.
func settled(arrived func() int, complete func() bool) func() bool {
	last, compared := -1, -1
	return func() bool {
		time.Sleep(100 * time.Millisecond)
		n := arrived()
		if n != last || n == compared {
			last = n
			return false
		}
		compared = n
		return complete()
	}
}

// countIDs counts the events of each indicator.
func countIDs(events []beattest.Event) map[int64]int {
	counts := map[int64]int{}
	for _, event := range events {
		id, _ := event.Get("threatq.id").(float64)
		if id == 0 {
			id, _ = event.Get("threatq.indicator_id").(float64)
		}
		counts[int64(id)]++
	}
	return counts
}

// requireEach checks that every indicator of the appliance arrived, exactly once
// unless more is allowed.
func (a *appliance) requireEach(t *testing.T, events []beattest.Event, exactlyOnce bool) {
	t.Helper()
	counts := countIDs(events)
	missing, repeated := 0, 0
	for indicator := range a.Expected() {
		switch n := counts[indicator.ID]; {
		case n == 0:
			missing++
		case n > 1:
			repeated++
		}
	}
	require.Zero(t, missing, "indicators that did not arrive")
	if exactlyOnce {
		require.Zero(t, repeated, "indicators that arrived more than once")
		require.Len(t, counts, a.Len(), "indicators that the appliance does not have")
	}
}
