// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/version"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// minVersion is the oldest Elasticsearch that has all APIs.
const minVersion = "8.0.0"

// Parts says what to install.
type Parts uint8

// The parts, as the flags of the setup command name them.
const (
	// IndexManagement is the policy, the templates and the first index of
	// active indicators with its alias.
	IndexManagement Parts = 1 << iota
	// Pipelines is the ingest pipeline.
	Pipelines
	// Transforms is the index of active indicators, also its move to a new
	// mapping, and the transform that fills it.
	Transforms
	// Dashboards is the data view and the dashboards.
	Dashboards

	// All is every part.
	All = IndexManagement | Pipelines | Transforms | Dashboards
)

// Action is what was done with an asset.
type Action string

// The actions.
const (
	Created   Action = "created"
	Updated   Action = "updated"
	Started   Action = "started"
	Moved     Action = "moved"
	Removed   Action = "removed"
	Unchanged Action = "unchanged" // it was current
	Kept      Action = "kept"      // it differs, and was left alone; the detail says why
	Skipped   Action = "skipped"   // it was not looked at; the detail says why
	Unhealthy Action = "unhealthy" // it is in place and has trouble; the detail says which
)

// Report is what was done with one asset.
type Report struct {
	Asset  string
	Action Action
	Detail string // "" or a few words
}

// String returns the report as a line for a person.
func (r Report) String() string {
	s := fmt.Sprintf("%s: %s", r.Asset, r.Action)
	if r.Detail != "" {
		s += " (" + r.Detail + ")"
	}
	return s
}

// Installer installs the assets. It is used by one goroutine at a time.
type Installer struct {
	es     Elasticsearch
	cfg    config.Setup
	kibana func() (Kibana, error)
	log    *logp.Logger
	report func(Report)
	sleep  func(context.Context, time.Duration) error
	server assets.Server
	when   replace
}

// Option changes how an Installer works.
type Option func(*Installer)

// WithKibana says how to connect with Kibana, which is done when the dashboards
// are to be installed, and not before.
func WithKibana(connect func() (Kibana, error)) Option {
	return func(i *Installer) { i.kibana = connect }
}

// WithLogger sets the logger; without it nothing is logged.
func WithLogger(log *logp.Logger) Option {
	return func(i *Installer) { i.log = log.Named("setup") }
}

// WithReport sets what is called after each asset.
func WithReport(report func(Report)) Option {
	return func(i *Installer) { i.report = report }
}

// withSleep replaces the waiting between two looks at something that takes time.
func withSleep(sleep func(context.Context, time.Duration) error) Option {
	return func(i *Installer) { i.sleep = sleep }
}

// New returns an Installer for a connected server. Only the dashboards need no
// server: es may then be nil.
func New(es Elasticsearch, cfg config.Setup, opts ...Option) *Installer {
	i := &Installer{
		es:     es,
		cfg:    cfg,
		log:    logp.NewNopLogger(),
		report: func(Report) {},
		sleep:  sleep,
	}
	for _, opt := range opts {
		opt(i)
	}
	return i
}

// Setup installs parts. It stops at the first error, an *Error; what was
// there before still works then. Run again, it goes on where it stopped.
func (i *Installer) Setup(ctx context.Context, parts Parts) error {
	has := func(part Parts) bool { return parts&part != 0 }
	var steps []step
	if has(IndexManagement | Pipelines | Transforms) {
		steps = append(steps, i.checkServer, func(ctx context.Context) error { return i.survey(ctx, parts) })
	}
	// The pipeline comes first: an index refuses every document while the
	// default pipeline that its settings name is missing.
	if has(Pipelines) {
		steps = append(steps, i.pipeline)
	}
	if has(IndexManagement) {
		steps = append(steps, func(ctx context.Context) error { return i.indexManagement(ctx, !has(Transforms)) })
	}
	if has(Transforms) {
		steps = append(steps, func(ctx context.Context) error { return i.transforms(ctx, !has(IndexManagement)) })
	}
	if has(Dashboards) {
		steps = append(steps, i.dashboards)
	}
	return inOrder(ctx, steps...)
}

type step func(context.Context) error

// inOrder takes steps until one fails.
func inOrder(ctx context.Context, steps ...step) error {
	for _, take := range steps {
		if err := take(ctx); err != nil {
			return err
		}
	}
	return nil
}

// indexManagement installs policy and templates, and withDest the first index of
// active indicators.
func (i *Installer) indexManagement(ctx context.Context, withDest bool) error {
	if err := i.policy(ctx); err != nil {
		return err
	}
	if !i.cfg.Template.Enabled {
		i.done("index templates", Skipped, "setup.template.enabled is false")
		return nil
	}
	if err := inOrder(ctx, i.customTemplate, i.template, i.rollOver, i.destTemplate); err != nil {
		return err
	}
	if !withDest || !i.cfg.Transforms.Enabled {
		return nil
	}
	dest, err := i.ensureDestination(ctx)
	if err != nil {
		return err
	}
	if dest.outdated {
		i.done("index "+dest.current, Kept, "it needs another mapping or codec: setup --transforms moves it")
	}
	return nil
}

// transforms installs the index of active indicators, with its template if
// withTemplate, and what fills it.
func (i *Installer) transforms(ctx context.Context, withTemplate bool) error {
	if !i.cfg.Transforms.Enabled {
		i.done("transform", Skipped, "setup.transforms.enabled is false")
		return nil
	}
	have, err := i.listTransforms(ctx)
	if err != nil {
		return err
	}
	if newer := have.newer; newer != "" {
		i.done("transform "+newer, Kept, "a newer version installed it")
		return nil
	}
	if withTemplate && i.cfg.Template.Enabled {
		// Without it the index would become a data stream.
		if err := i.destTemplate(ctx); err != nil {
			return err
		}
	}
	dest, err := i.ensureDestination(ctx)
	if err != nil {
		return err
	}
	undo := func() {}
	if dest.outdated {
		if dest, undo, err = i.moveDestination(ctx, dest, have); err != nil {
			return err
		}
	}
	if err := i.ensureTransform(ctx, dest.current); err != nil {
		undo()
		return err
	}
	if err := i.removeLeftovers(ctx, dest); err != nil {
		return err
	}
	return i.checkTransform(ctx, slices.ContainsFunc(slices.Collect(maps.Values(have.states)), func(s transformStats) bool {
		return s.State == "failed"
	}))
}

// onConnect installs what is missing or older and belongs to a running beat.
func (i *Installer) onConnect(ctx context.Context) error {
	i.when = replaceOlder
	steps := []step{i.checkServer, i.pipeline, i.policy}
	if i.cfg.Template.Enabled {
		steps = append(steps, i.customTemplate, i.template)
	}
	return inOrder(ctx, steps...)
}

// checkServer refuses a server that is too old and notes what it is.
func (i *Installer) checkServer(context.Context) error {
	i.server = assets.Server{Version: i.es.GetVersion(), Serverless: i.es.IsServerless()}
	if i.server.Serverless {
		return nil
	}
	const asset = "Elasticsearch"
	if !i.server.Version.IsValid() {
		return &Error{
			Kind: KindServer, Asset: asset, Doing: "reading the version of",
			Cause:  "the server doesn't tell it",
			Remedy: "Check that output.elasticsearch.hosts names Elasticsearch itself and not something before it.",
		}
	}
	if i.server.Version.LessThan(version.MustNew(minVersion)) {
		return &Error{
			Kind: KindVersion, Asset: asset, Doing: "checking the version of",
			Cause:  fmt.Sprintf("it is %s, and the assets need %s or later", i.server.Version.String(), minVersion),
			Remedy: "Upgrade Elasticsearch, or ship to a cluster that is new enough. Nothing was changed.",
		}
	}
	return nil
}

func (i *Installer) done(asset string, action Action, detail string) {
	r := Report{Asset: asset, Action: action, Detail: detail}
	i.log.Infow("Asset installed.", "asset", asset, "action", string(action), "detail", detail)
	i.report(r)
}

// poll calls look, waiting between two calls, until it says that it is done or
// attempts calls were made (0: without end).
func (i *Installer) poll(ctx context.Context, attempts int, look func() (done bool, err error)) (bool, error) {
	const first, longest = 100 * time.Millisecond, 2 * time.Second
	wait := first
	for n := 1; ; n++ {
		done, err := look()
		if err != nil || done {
			return done, err
		}
		if n == attempts {
			return false, nil
		}
		if err := i.sleep(ctx, wait); err != nil {
			return false, err
		}
		wait = min(2*wait, longest)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
