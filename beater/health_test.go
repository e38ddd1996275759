// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beater

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/elastic/elastic-agent-libs/monitoring"

	"github.com/threatqbeat/threatqbeat/module/threatq/threat"
)

func TestWorstHealth(t *testing.T) {
	const starting, healthy, degraded = threat.HealthStarting, threat.HealthHealthy, threat.HealthDegraded
	for _, tt := range []struct {
		counts map[threat.Health]int
		want   threat.Health
	}{
		{nil, starting},
		{map[threat.Health]int{starting: 2}, starting},
		{map[threat.Health]int{healthy: 2}, healthy},
		{map[threat.Health]int{healthy: 2, starting: 1}, starting},
		{map[threat.Health]int{healthy: 2, starting: 1, degraded: 1}, degraded},
	} {
		assert.Equal(t, tt.want, worst(tt.counts), "%v", tt.counts)
	}
}

func TestHealthIsAnObject(t *testing.T) {
	reg := monitoring.NewRegistry()
	registerHealth(reg, &threat.Reports{})
	assert.Equal(t, map[string]any{"health": map[string]any{
		"status": "starting",
		"inputs": map[string]any{"starting": int64(0), "healthy": int64(0), "degraded": int64(0)},
	}}, map[string]any(monitoring.CollectStructSnapshot(reg, monitoring.Full, false)))
}
