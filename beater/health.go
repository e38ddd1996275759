// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beater

import (
	"github.com/elastic/elastic-agent-libs/monitoring"

	"github.com/threatqbeat/threatqbeat/module/threatq/health"
)

// healthKey is where the HTTP endpoint's first page says how the inputs fare.
const healthKey = "health"

// registerHealth adds the health of the inputs to what the HTTP endpoint answers
// at its root: the worst of all with its reason, and how many inputs there are of
// each state.
func registerHealth(reg *monitoring.Registry, board *health.Board) {
	monitoring.NewFunc(reg, healthKey, func(_ monitoring.Mode, v monitoring.Visitor) {
		worst, inputs := board.Summary()
		v.OnRegistryStart()
		defer v.OnRegistryFinished()
		monitoring.ReportString(v, "status", worst.State.String())
		monitoring.ReportString(v, "reason", worst.Reason)
		monitoring.ReportNamespace(v, "inputs", func() {
			for _, state := range health.States {
				monitoring.ReportInt(v, state.String(), int64(inputs[state]))
			}
		})
	})
}
