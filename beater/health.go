// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beater

import (
	"github.com/elastic/elastic-agent-libs/monitoring"

	"github.com/threatqbeat/threatqbeat/module/threatq/threat"
)

// healthKey is where the HTTP endpoint's first page says how the inputs fare.
const healthKey = "health"

// registerHealth adds the health of the inputs to what the HTTP endpoint answers
// at its root: the worst of all, and how many inputs there are of each.
func registerHealth(reg *monitoring.Registry, reports *threat.Reports) {
	monitoring.NewFunc(reg, healthKey, func(_ monitoring.Mode, v monitoring.Visitor) {
		counts := reports.Count()
		v.OnRegistryStart()
		defer v.OnRegistryFinished()
		v.OnKey("status")
		v.OnString(string(worst(counts)))
		v.OnKey("inputs")
		v.OnRegistryStart()
		defer v.OnRegistryFinished()
		for _, health := range []threat.Health{threat.HealthStarting, threat.HealthHealthy, threat.HealthDegraded} {
			v.OnKey(string(health))
			v.OnInt(int64(counts[health]))
		}
	})
}

// worst is the health of a beat whose inputs are of these: one without inputs has
// yet to start.
func worst(counts map[threat.Health]int) threat.Health {
	switch {
	case counts[threat.HealthDegraded] > 0:
		return threat.HealthDegraded
	case counts[threat.HealthStarting] > 0 || counts[threat.HealthHealthy] == 0:
		return threat.HealthStarting
	default:
		return threat.HealthHealthy
	}
}
