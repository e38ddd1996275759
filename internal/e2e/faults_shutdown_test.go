// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// Whatever it waits for, threatqbeat ends at once when told to.
func TestShutdownEndsEveryWait(t *testing.T) {
	t.Parallel()
	dir := beattest.NewDir(t)
	var inputs []any
	var appliances []*appliance
	for name, spec := range map[string]string{
		"token hangs":          "token/hang*forever",
		"token fails":          "token/503*forever",
		"token stalls":         "token/stalled*forever",
		"page hangs":           "hang*forever",
		"page stalls":          "stalled*forever",
		"page is slow":         "slow*forever:delay=100s",
		"page fails":           "500*forever",
		"asked to wait":        "429*forever:retry-after=200",
		"connection is reset":  "reset*forever",
		"nothing until called": "",
	} {
		sim := startAppliance(t, tidy(10))
		if spec != "" {
			require.NoError(t, sim.Inject(spec))
		}
		appliances = append(appliances, sim)
		inputs = append(inputs, sim.input(name, map[string]any{
			"interval": "1h", "request.retry": map[string]any{"max_attempts": 5, "wait_min": "60s", "wait_max": "120s"},
		}))
	}
	limited := startAppliance(t, tidy(10))
	inputs = append(inputs, limited.input("limited", map[string]any{"request.rate_limit.limit": 0.001}))
	appliances = append(appliances, limited)
	dir.Configure(map[string]any{"threatqbeat.inputs": inputs})
	beat := dir.Start("run")
	beat.Eventually("a request of each", func() bool {
		for _, sim := range appliances {
			stats := sim.Stats()
			if stats.Total(simulator.EndpointToken)+stats.Total(simulator.EndpointData)+len(stats.Faults) == 0 {
				return false
			}
		}
		return true
	})
	start := time.Now()
	beat.Stop()
	assert.Less(t, time.Since(start), soon)
}
