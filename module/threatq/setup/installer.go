// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/elastic/elastic-agent-libs/kibana"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/go-concert/timed"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// minVersion is the oldest Elasticsearch that has all APIs.
const minVersion = "8.0.0"

// Parts says what to install, as the flags of the setup command name it.
type Parts struct {
	// IndexManagement is the policy, the templates and the first index of
	// active indicators with its alias.
	IndexManagement bool
	// Pipelines is the ingest pipeline.
	Pipelines bool
	// Transforms is the index of active indicators, also its move to a new
	// mapping, and the transform that fills it.
	Transforms bool
	// Dashboards is the data view and the dashboards.
	Dashboards bool
}

// All is every part.
var All = Parts{IndexManagement: true, Pipelines: true, Transforms: true, Dashboards: true}

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
	log    *logp.Logger
	kibana func() (*kibana.Client, error)
	report func(Report)
	sleep  func(context.Context, time.Duration) error

	running bool          // the beat runs, and replaces nothing but what is older
	server  assets.Server // known once checkServer succeeded
}

// New returns an Installer. es is a connected server, nil where the dashboards alone are
// installed; connect connects with Kibana, which is done for the dashboards only. report
// is called after each asset.
func New(es Elasticsearch, connect func() (*kibana.Client, error), cfg config.Setup, log *logp.Logger, report func(Report)) *Installer {
	sleep := func(ctx context.Context, d time.Duration) error { return timed.Wait(ctx, d) }
	return &Installer{es: es, kibana: connect, cfg: cfg, log: log.Named("setup"), report: report, sleep: sleep}
}

// Setup installs parts. It stops at the first error, an *Error; what was
// there before still works then. Run again, it goes on where it stopped.
func (i *Installer) Setup(ctx context.Context, parts Parts) error {
	var steps []func(context.Context) error
	if parts.IndexManagement || parts.Pipelines || parts.Transforms {
		steps = append(steps, i.checkServer, func(ctx context.Context) error { return i.survey(ctx, parts) })
	}
	// The pipeline comes first: an index refuses every document while the
	// default pipeline that its settings name is missing.
	if parts.Pipelines {
		steps = append(steps, i.pipeline)
	}
	if parts.IndexManagement {
		steps = append(steps, func(ctx context.Context) error { return i.indexManagement(ctx, !parts.Transforms) })
	}
	if parts.Transforms {
		steps = append(steps, func(ctx context.Context) error { return i.transforms(ctx, !parts.IndexManagement) })
	}
	if parts.Dashboards {
		steps = append(steps, i.dashboards)
	}
	return inOrder(ctx, steps...)
}

// inOrder takes steps until one fails.
func inOrder(ctx context.Context, steps ...func(context.Context) error) error {
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
	if err == nil && dest.outdated {
		i.done("index "+dest.current, Kept, "it needs another mapping or codec: setup --transforms moves it")
	}
	return err
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
	for id := range have {
		if compareVersions(strings.TrimPrefix(id, assets.TransformPrefix), assets.Version()) > 0 {
			i.done("transform "+id, Kept, "a newer version installed it")
			return nil
		}
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
	return i.checkTransform(ctx, have)
}

// onConnect installs what is missing or older and belongs to a running beat.
func (i *Installer) onConnect(ctx context.Context) error {
	i.running = true
	if err := inOrder(ctx, i.checkServer, i.pipeline, i.policy); err != nil || !i.cfg.Template.Enabled {
		return err
	}
	return inOrder(ctx, i.customTemplate, i.template)
}

// checkServer refuses a server that is too old and notes what it is.
func (i *Installer) checkServer(context.Context) error {
	i.server = assets.Server{Version: i.es.GetVersion(), Serverless: i.es.IsServerless()}
	if i.server.Serverless {
		return nil
	}
	if !i.server.Version.IsValid() {
		return &Error{
			Doing:  "reading the version of " + serverAsset,
			Cause:  "the server doesn't tell it",
			Remedy: "Check that output.elasticsearch.hosts names Elasticsearch itself and not something before it.",
		}
	}
	if assets.Older(i.server.Version, minVersion) {
		return &Error{
			Doing:  "checking the version of " + serverAsset,
			Cause:  fmt.Sprintf("it is %s, and the assets need %s or later", i.server.Version.String(), minVersion),
			Remedy: "Upgrade Elasticsearch, or ship to a cluster that is new enough. Nothing was changed.",
		}
	}
	return nil
}

func (i *Installer) done(asset string, action Action, detail string) {
	i.log.Infow("Asset installed.", "asset", asset, "action", string(action), "detail", detail)
	i.report(Report{Asset: asset, Action: action, Detail: detail})
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
