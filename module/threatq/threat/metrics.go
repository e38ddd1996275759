// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"sync/atomic"
	"time"

	gometrics "github.com/rcrowley/go-metrics"

	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/monitoring"
	"github.com/elastic/elastic-agent-libs/monitoring/adapter"

	"github.com/threatqbeat/threatqbeat/module/threatq/delivery"
	"github.com/threatqbeat/threatqbeat/module/threatq/health"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// cycleSamples bounds the memory of the histogram of cycle times.
const cycleSamples = 1024

// metrics are the figures of one input; see docs/monitoring.md for their names.
type metrics struct {
	indicators    *monitoring.Uint // indicators published
	unreadable    *monitoring.Uint // of these, published as pipeline errors
	cycles        *monitoring.Uint // cycles ended, well or not
	cyclesFailed  *monitoring.Uint // of these, ended by an error
	backlog       *monitoring.Int  // indicators still to collect, -1 unknown
	lastSuccess   *monitoring.Timestamp
	cursorUpdated *monitoring.Timestamp
	cursorTime    atomic.Int64 // Unix seconds of cursorUpdated, 0 none
	cycleTime     gometrics.Sample

	totals *totals
}

func newMetrics(reg *monitoring.Registry, sum *totals, keeper *health.Keeper, followed *delivery.Input, log *logp.Logger) *metrics {
	m := &metrics{
		indicators:    monitoring.NewUint(reg, "indicators_total"),
		unreadable:    monitoring.NewUint(reg, "indicators_unreadable_total"),
		cycles:        monitoring.NewUint(reg, "cycles_total"),
		cyclesFailed:  monitoring.NewUint(reg, "cycles_failed_total"),
		backlog:       monitoring.NewInt(reg, "backlog"),
		lastSuccess:   monitoring.NewTimestamp(reg, "last_success"),
		cursorUpdated: monitoring.NewTimestamp(reg, "cursor_updated"),
		cycleTime:     gometrics.NewUniformSample(cycleSamples),
		totals:        sum,
	}
	m.backlog.Set(-1)
	monitoring.NewFunc(reg, "cursor_age_seconds", func(_ monitoring.Mode, v monitoring.Visitor) {
		v.OnInt(m.cursorAge(time.Now()))
	})
	monitoring.NewFunc(reg, "status", func(_ monitoring.Mode, v monitoring.Visitor) {
		v.OnString(keeper.Worst().State.String())
	})
	monitoring.NewFunc(reg, "indicators_refused_total", func(_ monitoring.Mode, v monitoring.Visitor) {
		v.OnInt(int64(followed.Refused()))
	})
	monitoring.NewFunc(reg, "last_error", func(_ monitoring.Mode, v monitoring.Visitor) {
		v.OnString(keeper.Worst().Reason)
	})
	_ = adapter.NewGoMetrics(reg, "cycle_time", log, adapter.Accept).
		Register("histogram", gometrics.NewHistogram(m.cycleTime))
	return m
}

// cursorAge is the seconds since the cursor last moved, -1 while there is none.
func (m *metrics) cursorAge(now time.Time) int64 {
	at := m.cursorTime.Load()
	if at == 0 {
		return -1
	}
	return max(now.Unix()-at, 0)
}

func (m *metrics) page(indicators int, backlog int64) {
	m.published(indicators)
	m.backlog.Set(backlog)
}

func (m *metrics) published(indicators int) {
	m.indicators.Add(uint64(indicators))
	m.totals.indicators.Add(uint64(indicators))
}

func (m *metrics) unreadableIndicator() {
	m.unreadable.Inc()
	m.totals.unreadable.Inc()
}

// cycle counts a cycle that took so long and ended now, with an error or not.
// cursorUpdated is zero while there is no cursor.
func (m *metrics) cycle(took time.Duration, ended, cursorUpdated time.Time, err error) {
	m.cycles.Inc()
	m.totals.cycles.Inc()
	m.cycleTime.Update(took.Nanoseconds())
	if !cursorUpdated.IsZero() {
		m.cursorUpdated.Set(cursorUpdated)
		m.cursorTime.Store(cursorUpdated.Unix())
	}
	if err != nil {
		m.cyclesFailed.Inc()
		m.totals.cyclesFailed.Inc()
		return
	}
	m.lastSuccess.Set(ended)
}

// totals are the figures summed over all inputs of the Beat, so that they
// appear in its statistics and its periodic log line.
type totals struct {
	indicators   *monitoring.Uint
	unreadable   *monitoring.Uint
	cycles       *monitoring.Uint
	cyclesFailed *monitoring.Uint
}

func newTotals(reg *monitoring.Registry) *totals {
	if reg == nil {
		reg = monitoring.NewRegistry()
	}
	return &totals{
		indicators:   monitoring.NewUint(reg, "indicators.total"),
		unreadable:   monitoring.NewUint(reg, "indicators.unreadable"),
		cycles:       monitoring.NewUint(reg, "cycles.total"),
		cyclesFailed: monitoring.NewUint(reg, "cycles.failed"),
	}
}

// sweepMetrics are the figures of one input's sweeps; see docs/monitoring.md for
// their names.
type sweepMetrics struct {
	sweeps       *monitoring.Uint // that counted
	sweepsFailed *monitoring.Uint // that did not
	retired      *monitoring.Uint
	missing      *monitoring.Uint // found missing or older, and published
	held         *monitoring.Int  // held back by the last sweep
	known        *monitoring.Int  // at the end of the last sweep
	durationMS   *monitoring.Int  // of the last sweep
	last         *monitoring.Timestamp
	of           *metrics // of the input, whose indicators these are as well
}

func newSweepMetrics(reg *monitoring.Registry, of *metrics) *sweepMetrics {
	return &sweepMetrics{
		sweeps:       monitoring.NewUint(reg, "reconcile.sweeps_total"),
		sweepsFailed: monitoring.NewUint(reg, "reconcile.sweeps_failed_total"),
		retired:      monitoring.NewUint(reg, "reconcile.retired_total"),
		missing:      monitoring.NewUint(reg, "reconcile.missing_total"),
		held:         monitoring.NewInt(reg, "reconcile.held_back"),
		known:        monitoring.NewInt(reg, "reconcile.known"),
		durationMS:   monitoring.NewInt(reg, "reconcile.duration_ms"),
		last:         monitoring.NewTimestamp(reg, "reconcile.last_sweep"),
		of:           of,
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
	m.of.published(n)
}

func (m *sweepMetrics) completed(state registry.SweepState) {
	m.sweeps.Inc()
	m.retired.Add(uint64(state.Retired))
	m.show(state)
}

func (m *sweepMetrics) failed(state registry.SweepState) {
	m.sweepsFailed.Inc()
	m.show(state)
}
