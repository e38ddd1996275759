// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beater

import (
	"fmt"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/monitoring/inputmon"
)

// registerDiagnostics adds the inputs' metrics to what Elastic Agent's action
// diagnostics collects.
func (bt *Beater) registerDiagnostics(b *beat.Beat) {
	b.Manager.RegisterDiagnosticHook("input_metrics", "Metrics of the running inputs.",
		"input_metrics.json", "application/json", func() []byte {
			data, err := inputmon.MetricSnapshotJSON(b.Monitoring.InputsRegistry())
			if err != nil {
				bt.log.Warnw("The inputs' metrics can't be collected for the diagnostics.", "error", err)
				return []byte(fmt.Sprintf("collecting the inputs' metrics: %s", err))
			}
			return data
		})
}
