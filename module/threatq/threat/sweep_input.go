// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"time"

	"github.com/threatqbeat/threatqbeat/module/threatq/health"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// newSweeper makes the sweeper of an input, which goes on from what the last one
// has saved.
func (in *input) newSweeper(run *runner, pages sweepPager, out *announcer, metrics *sweepMetrics) *sweeper {
	now := time.Now()
	state := in.known.State()
	if state.Since.IsZero() {
		state.Since = now.UTC()
	}
	since := state.Completed
	if since.IsZero() {
		since = state.Since
	}
	s := &sweeper{
		id:         in.cfg.ID,
		maxRemoved: in.cfg.Reconcile.MaxRemoved,
		pageSize:   in.cfg.PageSize,
		known:      in.known,
		session:    in.session,
		elsewhere: func(indicators []registry.Indicator) (running, stopped map[registry.Indicator]bool, err error) {
			return in.env.Known.Elsewhere(in.known, indicators)
		},
		pages:    pages,
		mapper:   run.mapper,
		out:      out,
		schedule: newSchedule(in.cfg.Reconcile.Interval, in.cfg.ID, since),
		metrics:  metrics,
		report:   run.reporter.swept,
		health:   run.health,
		log:      run.log,
		state:    state,
		held:     state.HeldBack > 0,
	}
	s.state.InputID, s.state.URL, s.state.DataCollectionID = in.cfg.ID, in.cfg.URL, in.cfg.DataCollectionID
	// What was delivered is not known: the input has collected with an older
	// version, or the files were lost.
	ignorant := in.known.Fresh && run.state.Mark != "" && in.known.Snapshot().Len() == 0
	if ignorant || in.known.Damage != "" || s.held {
		s.schedule.ask()
		s.schedule.notBefore = now.Add(backoff(0, s.schedule.interval))
	}
	if s.held {
		s.health.Set(health.Sweep, health.Degraded, state.Error)
	}
	s.metrics.show(s.state)
	s.save()
	return s
}
