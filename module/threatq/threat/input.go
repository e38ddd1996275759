// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"context"
	"errors"
	"fmt"
	"time"

	v2 "github.com/elastic/beats/v7/filebeat/input/v2"
	cursor "github.com/elastic/beats/v7/filebeat/input/v2/input-cursor"
	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/feature"
	"github.com/elastic/beats/v7/libbeat/management/status"
	"github.com/elastic/beats/v7/libbeat/statestore"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/mapstr"
	"github.com/elastic/elastic-agent-libs/monitoring"
	"github.com/elastic/elastic-agent-libs/paths"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/client"
	"github.com/threatqbeat/threatqbeat/module/threatq/delivery"
	"github.com/threatqbeat/threatqbeat/module/threatq/health"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// Environment is what an input needs from the Beat that hosts it.
type Environment struct {
	// Read reads the configuration of an input, or returns what has been read of it.
	Read func(raw *conf.C) (*config.Input, error)
	// Log is the logger that the inputs' loggers are named under.
	Log *logp.Logger
	// Store keeps the cursors.
	Store statestore.States
	// Known keeps which indicators were delivered; nil keeps nothing, so that no
	// sweep takes place.
	Known *registry.KnownStore
	// Paths resolves relative file names; the request tracer writes below
	// Paths.Logs only.
	Paths *paths.Path
	// UserAgent is sent with each request.
	UserAgent string
	// Totals receives the figures summed over all inputs; nil for none.
	Totals *monitoring.Registry
	// Reports receives what the inputs say about themselves.
	Reports *Reports
	// Health keeps the health of the inputs.
	Health *health.Board
	// Delivery follows the events to the output.
	Delivery *delivery.Tracker
}

// Plugin returns the threatq input for a v2.Loader.
func Plugin(env Environment) v2.Plugin {
	totals := newTotals(env.Totals)
	manager := &knowing{store: env.Known}
	manager.InputManager = cursor.InputManager{
		Logger:     env.Log,
		StateStore: env.Store,
		Type:       config.InputType,
		Configure: func(raw *conf.C, _ *logp.Logger) ([]cursor.Source, cursor.Input, error) {
			cfg, err := env.Read(raw)
			if err != nil {
				return nil, nil, err
			}
			if tracer := cfg.Request.Tracer; tracer.Enabled {
				if _, err := client.TraceFile(env.Paths.Logs, tracer.Filename, cfg.ID); err != nil {
					return nil, nil, fmt.Errorf("input %q: %w", cfg.ID, err)
				}
			}
			mapping := MapperConfigOf(cfg)
			mapping.Bare = true
			manager.created = &input{cfg: *cfg, env: env, totals: totals, mapper: NewMapper(mapping)}
			return []cursor.Source{source{cfg: cfg}}, manager.created, nil
		},
	}
	return v2.Plugin{
		Name:      config.InputType,
		Stability: feature.Stable,
		Info:      "ThreatQ indicators",
		Doc:       "Collects the indicators of a ThreatQ data collection.",
		Manager:   manager,
	}
}

// source is the data collection of one appliance; its name, together with the
// input's id, is the key of the cursor.
type source struct{ cfg *config.Input }

func (s source) Name() string { return registry.SourceName(s.cfg.URL, s.cfg.DataCollectionID) }

// input collects one data collection.
type input struct {
	cfg    config.Input
	env    Environment
	totals *totals
	mapper *Mapper // bare, because knowingInput has the pipeline add what is common

	// known is what was delivered, and session follows what is published now; nil
	// when nothing is kept.
	known   *registry.Known
	session *registry.Session
	// unread is why what is known could not be read, so that nothing is kept.
	unread error
}

// Name returns the input's type.
func (*input) Name() string { return config.InputType }

// Test asks the appliance for a token, which shows that it can be reached and
// that the credentials are right.
func (in *input) Test(_ cursor.Source, ctx v2.TestContext) error {
	cl, err := in.newClient(ctx.Logger, nil)
	if err != nil {
		return err
	}
	defer cl.Close()
	return cl.Token(v2.GoContextFromCanceler(ctx.Cancelation))
}

func (in *input) newClient(log *logp.Logger, metrics *monitoring.Registry) (*client.Client, error) {
	return client.New(in.cfg, log, client.Options{
		Metrics: metrics, LogsDir: in.env.Paths.Logs, UserAgent: in.env.UserAgent, NewReader: in.mapper.newReader,
	})
}

// Run collects until it is cancelled. Nothing that the appliance does ends it:
// a failed cycle is reported, and the next one starts after the interval.
func (in *input) Run(ctx v2.Context, src cursor.Source, cur cursor.Cursor, publisher cursor.Publisher) error {
	keeper := in.env.Health.Start(in.cfg.ID)
	defer in.env.Health.Stop(in.cfg.ID, keeper)
	keeper.OnChange(func(worst health.Condition) { ctx.UpdateStatus(statusOf[worst.State], worst.Reason) })
	log := ctx.Logger.With("data_collection_id", in.cfg.DataCollectionID)

	followed := in.env.Delivery.Input(in.cfg.ID)
	metrics := newMetrics(ctx.MetricsRegistry, in.totals, keeper, followed, log)
	cl, err := in.newClient(log, ctx.MetricsRegistry)
	if err != nil {
		return err
	}
	defer cl.Close()

	cancelled := v2.GoContextFromCanceler(ctx.Cancelation)
	out := &announcer{
		session: in.session, forward: publisher.Publish,
		reserve: func(bytes int) error { return followed.Reserve(cancelled, bytes) },
	}
	if in.known != nil {
		followed.OnRefused(in.known.Refuse)
	}
	run := &runner{
		interval: in.cfg.Interval,
		pageSize: in.cfg.PageSize,
		pages:    cl,
		mapper:   in.mapper,
		publish:  out.publish,
		flush:    out.flush,
		saveMark: func(update any) error { return publisher.Publish(beat.Event{}, update) },
		state:    loadState(cur, log),
		metrics:  metrics,
		health:   keeper,
		followed: followed,
		log:      log,
	}
	run.state.URL = in.cfg.URL
	run.state.DataCollectionID = in.cfg.DataCollectionID
	run.reporter = in.env.Reports.start(in.cfg.ID, run.state, keeper)
	defer in.env.Reports.stop(in.cfg.ID, run.reporter)
	defer followed.LogRefused(log)
	if in.unread != nil {
		log.Errorw("The known indicators can't be read. What is collected is published all the same.", "error", in.unread)
		keeper.Set(health.Known, health.Degraded, fmt.Sprintf("there are no sweeps until the next start: %s", in.unread))
	}
	if in.known != nil {
		run.repair = in.known.Repair
		in.known.OnSave(func(err error) {
			if err == nil {
				keeper.Clear(health.Known)
				return
			}
			keeper.Set(health.Known, health.Degraded, fmt.Sprintf(
				"the known indicators can't be saved, so that a sweep after a restart would publish again what came since: %s: make room in path.data, or make it writable", err))
		})
	}
	if in.known != nil && in.cfg.Reconcile.Interval > 0 {
		run.sweeper = in.newSweeper(run, cl, out, newSweepMetrics(ctx.MetricsRegistry, metrics))
	}
	return run.loop(cancelled)
}

// statusOf is what Elastic Agent calls a state.
var statusOf = map[health.State]status.Status{
	health.Starting: status.Configuring,
	health.Healthy:  status.Running,
	health.Degraded: status.Degraded,
	health.Failed:   status.Failed,
}

func loadState(cur cursor.Cursor, log *logp.Logger) registry.State {
	var st registry.State
	if err := cur.Unpack(&st); err != nil {
		log.Warnw("The saved cursor can't be read. The data collection is collected from its start.", "error", err)
		return registry.State{}
	}
	return st
}

// pager is the part of the client that collecting needs.
type pager interface {
	Page(ctx context.Context, mark string) (*client.Page, error)
}

// runner runs one cycle after the other.
type runner struct {
	interval time.Duration
	pageSize int
	pages    pager
	mapper   *Mapper
	publish  publishFunc
	flush    func() error                 // publishes what publish has held back
	saveMark func(cursorUpdate any) error // saves a cursor that no event carries, see withMarks
	repair   func()                       // saves what could not be saved; nil for nothing
	sweeper  *sweeper                     // nil for none
	state    registry.State
	metrics  *metrics
	health   *health.Keeper
	followed *delivery.Input
	reporter *reporter
	log      *logp.Logger

	// repeated remembers the last page of the previous cycle when its mark
	// didn't advance though it held indicators.
	repeated pageDigest

	saidAlive time.Time // when the last event said that the input collects
	// largest is the largest number of indicators that a page had.
	largest int
	// goesOn says that the last cycle may have left something behind its last page, so
	// that the next one begins at once.
	goesOn bool
}

func (r *runner) loop(ctx context.Context) error {
	r.saidAlive = time.Now()
	for {
		start := time.Now()
		r.goesOn = false
		err := r.cycle(ctx)
		if err == nil {
			err = r.alive(time.Now())
		}
		if ctx.Err() != nil {
			return nil
		}
		if r.repair != nil {
			r.repair()
		}
		wait := r.interval - time.Since(start)
		// A failed cycle may have spent its interval on retries. It must not
		// turn into a stream of attempts against an appliance in trouble.
		switch {
		case err == nil && r.goesOn:
			wait = 0
		case err != nil || wait < 0:
			wait = r.interval
		}
		if r.sweeper != nil {
			r.sweeper.cycled(err)
		}
		if r.pause(ctx, wait); ctx.Err() != nil {
			return nil
		}
	}
}

// cycle collects until the data collection is drained, and reports how it went.
func (r *runner) cycle(ctx context.Context) error {
	c := newCycle(r)
	err := c.run(ctx)
	var rejected *client.Error
	if errors.As(err, &rejected) && rejected.Failure == client.FailureCursorRejected && ctx.Err() == nil {
		r.log.Warnw("The appliance rejected the saved cursor. The data collection is collected from its start.", "error", err)
		r.state.Restart()
		err = c.run(ctx)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.report(err)
	return err
}

// kindState is event.kind of an event that is no indicator.
const kindState = "state"

// aliveInterval is the time between two events that say that an input collects, so
// that a rule can tell a data collection in which nothing changes from a feed that
// has stopped.
const aliveInterval = time.Hour

// alive publishes that event when one is due, after a cycle that succeeded.
func (r *runner) alive(now time.Time) error {
	if now.Sub(r.saidAlive) < aliveInterval {
		return nil
	}
	r.saidAlive = now
	if err := r.publish(r.mapper.Alive(now), nil); err != nil {
		return err
	}
	return r.flush()
}

// Alive makes the event that says that an input collects. It has no indicator, so
// that the transform leaves it out.
func (m *Mapper) Alive(now time.Time) beat.Event {
	b := m.newBuilder()
	b.fetchedAt(now)
	return m.complete(beat.Event{Timestamp: b.fetched.time(), Fields: mapstr.M{"event": b.eventFields(kindState, nil)}})
}
