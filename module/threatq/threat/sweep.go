// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/elastic/go-concert/timed"

	"github.com/threatqbeat/threatqbeat/module/threatq/client"
	"github.com/threatqbeat/threatqbeat/module/threatq/health"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// sweepFields is the parameter fields of a sweep's requests.
const sweepFields = "id,indicator_id,updated_at"

// sweepPager is the part of the client that a sweep needs.
type sweepPager interface {
	pager
	PageOf(ctx context.Context, mark, fields string) (*client.Page, error)
}

// sweeper compares the data collection with what is known of it, in turns between
// the cycles. The package's documentation says how, and why that does no harm.
type sweeper struct {
	in       *input
	run      *runner
	pages    sweepPager
	out      *announcer
	schedule *schedule
	metrics  *sweepMetrics
	surplus  int // see maxSurplus

	state   registry.SweepState
	ready   bool // the last cycle has drained the collection
	empty   bool // the last sweep found nothing at all
	current *sweep
	// held is a sweep that waits for the operator.
	held bool
}

// sweep is one comparison.
type sweep struct {
	started time.Time
	// next takes the next step. It returns nil for the last one.
	next step
	// settle is how many events must be settled before it goes on.
	settle int
	// poll is when to look at that again.
	poll time.Time
	// awaitsCycle says that it goes on once a cycle has succeeded.
	awaitsCycle bool

	// known is what was known at the start, seen a bit per indicator of it that the
	// collection holds, and latest the latest date that was published by then.
	known  *registry.Set
	seen   []uint64
	unseen int // known and not seen yet
	latest registry.Version
	walk   walk
	// absent are known and not in the collection; elsewhere is how many of them
	// other inputs know.
	absent    []registry.Indicator
	elsewhere int
	missing   int
	retired   []registry.Indicator
}

type step func(ctx context.Context) (step, error)

// cycled takes how a cycle has ended, and looks at what else asks for a sweep.
func (s *sweeper) cycled(err error) {
	now := time.Now()
	s.ready = err == nil
	if s.current != nil && s.ready {
		s.current.awaitsCycle = false
	}
	if s.in.known.Doubtful() > 0 && s.schedule.refused(now) {
		s.save()
	}
	if s.held && s.current == nil && s.in.known.Accepted() > 0 {
		s.held = false
		s.schedule.ask()
		s.schedule.notBefore = now
	}
}

// wait returns how long it is until the sweep has something to do.
func (s *sweeper) wait(now time.Time) time.Duration {
	switch {
	case !s.ready:
		return longestRetry
	case s.current == nil:
		return s.schedule.wait(now)
	case s.current.awaitsCycle:
		return longestRetry
	case s.current.settle > 0:
		return s.current.poll.Sub(now)
	default:
		return 0
	}
}

// turn takes one step, which is a page at most.
func (s *sweeper) turn(ctx context.Context) {
	if s.current == nil {
		s.begin()
	}
	w := s.current
	if w.settle > 0 && !s.settled(w) {
		return
	}
	next, err := w.next(ctx)
	switch {
	case ctx.Err() != nil:
		s.current, s.out.touched = nil, nil
	case err != nil:
		s.fail(err)
	case len(s.out.touched)+w.walk.postponed > max(fewTouched, w.known.Len()/8):
		s.fail(fmt.Errorf("%d indicators changed during the sweep, which is too many", len(s.out.touched)+w.walk.postponed))
	case next == nil:
		s.complete()
	default:
		w.next = next
	}
}

// fewTouched may be touched during a sweep, and one in eight of what is known.
const fewTouched = 10_000

// begin waits until everything before it is acknowledged: what the output has yet
// to write is neither known nor not.
func (s *sweeper) begin() {
	s.schedule.begin()
	published, _ := s.in.session.Progress()
	s.current = &sweep{started: time.Now(), settle: published, known: &registry.Set{}, walk: walk{mark: client.StartMark, total: -1}}
	s.current.next = s.look
	s.out.touched = map[registry.Indicator]registry.Version{}
}

func (s *sweeper) settled(w *sweep) bool {
	if _, settled := s.in.session.Progress(); settled < w.settle {
		w.poll = time.Now().Add(settlePoll)
		return false
	}
	w.settle = 0
	return true
}

// look takes what is known now, and the first page.
func (s *sweeper) look(ctx context.Context) (step, error) {
	w := s.current
	w.known, w.latest = s.in.known.Snapshot(), s.in.known.Latest()
	w.seen, w.unseen = make([]uint64, (w.known.Len()+63)/64), w.known.Len()
	return s.page(ctx)
}

// complete ends a sweep that counts.
func (s *sweeper) complete() {
	w, now := s.current, time.Now()
	s.current, s.out.touched, s.held = nil, nil, false
	s.empty = w.walk.elements == 0
	s.schedule.succeeded(now, w.missing == 0)
	s.state.Completed, s.state.DurationMS = now.UTC(), now.Sub(w.started).Milliseconds()
	s.state.Known, s.state.Missing, s.state.Retired = s.in.known.Snapshot().Len(), w.missing, len(w.retired)
	s.state.HeldBack, s.state.HeldBackOf, s.state.Error = 0, 0, ""
	if err := s.in.known.ForgetAccepted(); err != nil {
		s.run.log.Warnw("What an operator agreed to can't be removed, so that it holds for the next sweep as well.", "error", err)
	}
	s.save()
	s.metrics.completed(s.state)
	s.run.health.Clear(health.Sweep)
	s.run.log.Infow("The sweep is complete.", w.fields(s.state)...)
}

// fail ends a sweep that does not count.
func (s *sweeper) fail(err error) {
	w, now := s.current, time.Now()
	s.current, s.out.touched = nil, nil
	s.empty = errors.Is(err, errEmpty)
	s.schedule.failed(now)
	s.state.Error = err.Error()
	s.state.HeldBack, s.state.HeldBackOf = 0, 0
	var held *heldBackError
	if s.held = errors.As(err, &held); s.held {
		s.state.HeldBack, s.state.HeldBackOf = held.absent, held.known
	}
	s.save()
	s.metrics.failed(s.state)
	fields := append(w.fields(s.state), "next_attempt_in", s.schedule.wait(now).Round(time.Second).String())
	s.run.log.Warnw(fmt.Sprintf("The sweep does not count: %s", err), fields...)
	if s.held || s.schedule.failures >= failuresDegrade {
		s.run.health.Set(health.Sweep, health.Degraded, err.Error())
	}
}

// failuresDegrade is how many failed sweeps make the input degraded: a single one
// may have met a change of the collection.
const failuresDegrade = 3

func (s *sweeper) save() {
	s.state.Asked = s.schedule.asked
	if err := s.in.known.SaveState(s.state); err != nil {
		s.run.log.Warnw("The result of the sweep can't be saved. It is repeated after a restart.", "error", err)
	}
	s.run.reporter.swept(s.state)
}

func (w *sweep) fields(state registry.SweepState) []any {
	fields := []any{
		"pages", w.walk.pages, "pages_whole", w.walk.whole, "known", w.known.Len(), "absent", len(w.absent), "elsewhere", w.elsewhere,
		"missing", w.missing, "retired", len(w.retired), "held_back", state.HeldBack,
		"duration_ms", time.Since(w.started).Milliseconds(),
	}
	if w.walk.total >= 0 {
		fields = append(fields, "total", w.walk.total)
	}
	return fields
}

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
		in: in, run: run, pages: pages, out: out, metrics: metrics,
		schedule: newSchedule(in.cfg.Reconcile.Interval, in.cfg.ID, since), surplus: maxSurplus,
		state: state,
		held:  state.HeldBack > 0,
	}
	s.state.InputID, s.state.URL, s.state.DataCollectionID = in.cfg.ID, in.cfg.URL, in.cfg.DataCollectionID
	// What was delivered is not known: the input has collected with an older
	// version, or the files were lost.
	ignorant := in.known.Fresh && run.state.Mark != "" && in.known.Snapshot().Len() == 0
	if ignorant || in.known.Damage != "" || s.held || state.Asked {
		s.schedule.ask()
		s.schedule.notBefore = now.Add(backoff(0, s.schedule.interval))
	}
	if s.held {
		s.run.health.Set(health.Sweep, health.Degraded, state.Error)
	}
	s.metrics.show(s.state)
	s.save()
	return s
}

const (
	// firstBackoff is the wait after a first failed sweep, and after a first
	// document that was refused. It doubles each time.
	firstBackoff = time.Minute
	// longestRetry is the longest wait after failed sweeps.
	longestRetry = time.Hour
	// settlePoll is the time between two looks at what the output has acknowledged.
	settlePoll = 100 * time.Millisecond
)

// schedule says when the next sweep is due: once in each interval, at a moment
// that depends on the input's id, so that the inputs of a beat, and of many beats,
// don't sweep together. It may be asked for one out of turn.
type schedule struct {
	interval time.Duration
	offset   time.Duration
	// since is when a sweep last counted or, before, when the keeping began.
	since time.Time
	// asked has one made out of turn, as soon as notBefore allows.
	asked     bool
	notBefore time.Time
	failures  int // failed sweeps, one after the other
	refusals  int // sweeps that refused documents asked for, likewise
}

func newSchedule(interval time.Duration, inputID string, since time.Time) *schedule {
	s := &schedule{interval: interval, since: since}
	if interval > 0 {
		s.offset = time.Duration(xxhash.Sum64String(inputID) % uint64(interval))
	}
	return s
}

// wait returns how long it is until the next sweep may begin.
func (s *schedule) wait(now time.Time) time.Duration {
	if s.since.After(now) { // the clock was set back
		s.since = now
	}
	var until time.Duration
	if !s.asked {
		// The moments are those of the wall clock, so that a restart moves none.
		passed := time.Duration((uint64(s.since.UnixNano()) - uint64(s.offset)) % uint64(s.interval))
		until = s.since.Add(s.interval - passed).Round(0).Sub(now.Round(0))
	}
	return max(until, s.notBefore.Sub(now), 0)
}

// ask has a sweep made out of turn.
func (s *schedule) ask() { s.asked = true }

// begin answers what has asked so far. What asks from now on wants another one.
func (s *schedule) begin() { s.asked = false }

// refused asks for a sweep because documents were refused, or retirements were
// overtaken. That may happen again, so that it waits longer each time. It reports
// whether nothing has asked before.
func (s *schedule) refused(now time.Time) bool {
	if s.asked {
		return false
	}
	s.ask()
	s.notBefore = now.Add(backoff(s.refusals, s.interval))
	s.refusals++
	return true
}

// failed puts the next sweep off.
func (s *schedule) failed(now time.Time) {
	s.asked = true
	s.notBefore = now.Add(backoff(s.failures, min(s.interval, longestRetry)))
	s.failures++
}

// succeeded counts from now. whole says that nothing was missing.
func (s *schedule) succeeded(now time.Time, whole bool) {
	s.since, s.failures = now, 0
	if !s.asked {
		s.notBefore = time.Time{}
	}
	if whole {
		s.refusals = 0
	}
}

func backoff(attempts int, longest time.Duration) time.Duration {
	return min(firstBackoff<<min(attempts, 20), longest)
}

// pause waits between two cycles. The sweep has its turns meanwhile, each of which
// takes a page at most.
func (r *runner) pause(ctx context.Context, wait time.Duration) {
	until := time.Now().Add(wait)
	for ctx.Err() == nil {
		left := time.Until(until)
		if left <= 0 {
			return
		}
		if r.sweeper != nil {
			turn := r.sweeper.wait(time.Now())
			if turn <= 0 {
				r.sweeper.turn(ctx)
				continue
			}
			left = min(left, turn)
		}
		_ = timed.Wait(ctx, left)
	}
}
