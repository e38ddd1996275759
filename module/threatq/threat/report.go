// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"sync"
	"time"

	"github.com/threatqbeat/threatqbeat/module/threatq/health"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// Report says what helps to find out why an input does not collect what it
// should. It holds no secret.
type Report struct {
	// Health is the input's health, the worst of Conditions.
	Health health.State `json:"health"`
	// Conditions says what is wrong, source by source; empty when nothing is wrong.
	Conditions []health.Condition `json:"conditions,omitempty"`
	// Cursor is where collecting goes on. What lies before it was published,
	// and not necessarily acknowledged yet.
	Cursor registry.State `json:"cursor"`
	// Cycle has the figures of the cycle that runs, nil between two cycles.
	Cycle *CycleReport `json:"cycle,omitempty"`
	// LastCycle has the figures of the last cycle that ended, nil before.
	LastCycle *CycleReport `json:"last_cycle,omitempty"`
	// Sweep is what the last sweep has come to, nil when there are none.
	Sweep *registry.SweepState `json:"sweep,omitempty"`
	// LastSuccess is when a cycle last ended without an error.
	LastSuccess time.Time `json:"last_success,omitzero"`
	// LastError is the last error since the start of the input, whether
	// overcome or not.
	LastError *ErrorReport `json:"last_error,omitempty"`
}

// CycleReport has the figures of one cycle.
type CycleReport struct {
	Started time.Time `json:"started"`
	// DurationMS is how long it took or, if it still runs, has taken so far.
	DurationMS     int64 `json:"duration_ms"`
	Pages          int   `json:"pages"`
	Indicators     int64 `json:"indicators"`
	Unreadable     int64 `json:"unreadable"`
	RepeatsSkipped int64 `json:"repeats_skipped"`
	Bytes          int64 `json:"bytes"`
	// Total is how many indicators the data collection holds, -1 unknown.
	Total int64 `json:"total"`
	// Error is why the cycle failed, empty when it didn't.
	Error string `json:"error,omitempty"`
}

// ErrorReport is an error and when it occurred.
type ErrorReport struct {
	Time    time.Time `json:"time"`
	Message string    `json:"message"`
}

// Reports holds the reports of the running inputs. Its methods may be called at
// any time from any goroutine.
type Reports struct {
	mu      sync.Mutex
	running map[string]*reporter
}

// Of returns the report of an input. ok is false when it does not run.
func (r *Reports) Of(inputID string) (report Report, ok bool) {
	r.mu.Lock()
	found := r.running[inputID]
	r.mu.Unlock()
	if found == nil {
		return Report{}, false
	}
	return found.snapshot(), true
}

func (r *Reports) start(inputID string, cursor registry.State, keeper *health.Keeper) *reporter {
	started := &reporter{health: keeper, current: Report{Cursor: cursor}}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running == nil {
		r.running = map[string]*reporter{}
	}
	r.running[inputID] = started
	return started
}

func (r *Reports) stop(inputID string, stopped *reporter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running[inputID] == stopped {
		delete(r.running, inputID)
	}
}

// reporter keeps the report of one input.
type reporter struct {
	health  *health.Keeper
	mu      sync.Mutex
	current Report
}

func (r *reporter) snapshot() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	report := r.current
	report.Health, report.Conditions = r.health.Worst().State, r.health.Conditions()
	if report.Cycle != nil {
		running := *report.Cycle
		running.DurationMS = time.Since(running.Started).Milliseconds()
		report.Cycle = &running
	}
	return report
}

func (r *reporter) update(change func(report *Report)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.current)
}

// cycle takes the figures of a cycle that has just begun or published a page.
func (r *reporter) cycle(c *cycle) {
	r.update(func(report *Report) {
		figures := c.CycleReport
		report.Cycle, report.Cursor = &figures, c.state
	})
}

// ended takes the figures of a cycle that has ended, with an error or not.
func (r *reporter) ended(c *cycle, took time.Duration, err error) {
	r.update(func(report *Report) {
		figures := c.CycleReport
		figures.DurationMS = took.Milliseconds()
		at := c.Started.Add(took)
		if err != nil {
			figures.Error = err.Error()
			report.LastError = &ErrorReport{Time: at, Message: err.Error()}
		} else {
			report.LastSuccess = at
		}
		report.Cursor, report.Cycle, report.LastCycle = c.state, nil, &figures
	})
}

// swept takes what a sweep has come to.
func (r *reporter) swept(state registry.SweepState) {
	r.update(func(report *Report) { report.Sweep = &state })
}
