// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"github.com/elastic/elastic-agent-libs/monitoring"

	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// sweepMetrics are the figures of one input's sweeps; see docs/monitoring.md for
// their names.
type sweepMetrics struct {
	sweeps     *monitoring.Uint // that counted
	vain       *monitoring.Uint // that did not
	retired    *monitoring.Uint
	missing    *monitoring.Uint // found missing or older, and published
	held       *monitoring.Int  // held back by the last sweep
	known      *monitoring.Int  // at the end of the last sweep
	durationMS *monitoring.Int  // of the last sweep
	last       *monitoring.Timestamp
	indicators *monitoring.Uint // of the input, which these belong to as well
}

func newSweepMetrics(reg *monitoring.Registry, of *metrics) *sweepMetrics {
	return &sweepMetrics{
		sweeps:     monitoring.NewUint(reg, "reconcile.sweeps_total"),
		vain:       monitoring.NewUint(reg, "reconcile.sweeps_failed_total"),
		retired:    monitoring.NewUint(reg, "reconcile.retired_total"),
		missing:    monitoring.NewUint(reg, "reconcile.missing_total"),
		held:       monitoring.NewInt(reg, "reconcile.held_back"),
		known:      monitoring.NewInt(reg, "reconcile.known"),
		durationMS: monitoring.NewInt(reg, "reconcile.duration_ms"),
		last:       monitoring.NewTimestamp(reg, "reconcile.last_sweep"),
		indicators: of.indicators,
	}
}

func (m *sweepMetrics) show(state registry.SweepState) {
	m.held.Set(int64(state.HeldBack))
	m.known.Set(int64(state.Known))
	m.durationMS.Set(state.DurationMS)
	if !state.Completed.IsZero() {
		m.last.Set(state.Completed)
	}
}

func (m *sweepMetrics) published(n int) {
	m.missing.Add(uint64(n))
	m.indicators.Add(uint64(n))
}

func (m *sweepMetrics) completed(state registry.SweepState) {
	m.sweeps.Inc()
	m.retired.Add(uint64(state.Retired))
	m.show(state)
}

func (m *sweepMetrics) failed(state registry.SweepState) {
	m.vain.Inc()
	m.show(state)
}
