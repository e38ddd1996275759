// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/threatqbeat/threatqbeat/module/threatq/health"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

func TestReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reports := &Reports{}
		_, ok := reports.Of("one")
		assert.False(t, ok, "it does not run")

		pages := &answers{t: t, latency: time.Second, byMark: map[string][]answer{
			"*": {{err: errors.New("the appliance is down")}, {ids: []int{1, 2}, next: "m1", total: 3}},
			"m1": {
				{ids: []int{3}, next: "m2", total: 3},
			},
			"m2": {{next: "m2", total: 3}, {err: errors.New("the appliance is down again")}},
		}}
		r := newTestRunner(t, pages, &published{}, nil)
		r.reporter = reports.start("one", r.state, r.health)
		of := func() Report {
			t.Helper()
			report, ok := reports.Of("one")
			assert.True(t, ok)
			return report
		}
		start := time.Now().UTC()
		assert.Equal(t, Report{
			Health: health.Starting, Conditions: []health.Condition{{State: health.Starting, Source: health.Cycle}},
		}, of())

		assert.Error(t, r.cycle(context.Background()))
		report := of()
		assert.Equal(t, health.Degraded, report.Health)
		assert.Equal(t, &ErrorReport{Time: start.Add(time.Second), Message: "the appliance is down"}, report.LastError)
		assert.Equal(t, "the appliance is down", report.LastCycle.Error)
		assert.Zero(t, report.LastSuccess)

		// In the middle of the next cycle.
		go func() { assert.NoError(t, r.cycle(context.Background())) }()
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		report = of()
		assert.Equal(t, health.Healthy, report.Health)
		assert.Equal(t, "m1", report.Cursor.Mark)
		assert.Equal(t, int64(2), report.Cycle.Indicators)
		assert.Equal(t, int64(1500), report.Cycle.DurationMS)

		time.Sleep(10 * time.Second)
		synctest.Wait()
		report = of()
		assert.Nil(t, report.Cycle)
		assert.Equal(t, &CycleReport{Started: start.Add(time.Second), DurationMS: 3000, Pages: 3, Indicators: 3, Total: 3}, report.LastCycle)
		assert.Equal(t, "m2", report.Cursor.Mark)
		assert.Equal(t, start.Add(4*time.Second), report.LastSuccess)
		assert.Equal(t, "the appliance is down", report.LastError.Message, "it was overcome, and is remembered")

		assert.Error(t, r.cycle(context.Background()))
		assert.Equal(t, "the appliance is down again", of().LastError.Message)

		// Another input has taken the id over.
		taken := reports.start("one", registry.State{}, nil)
		reports.stop("one", r.reporter)
		assert.Nil(t, of().LastError)
		reports.stop("one", taken)
		_, ok = reports.Of("one")
		assert.False(t, ok)
	})
}
