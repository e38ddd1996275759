// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beater

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/cfgfile"
	"github.com/elastic/beats/v7/libbeat/monitoring/inputmon"
	"github.com/elastic/beats/v7/libbeat/publisher/pipetool"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/monitoring"
	"github.com/elastic/go-concert/unison"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/health"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
	"github.com/threatqbeat/threatqbeat/module/threatq/threat"
)

// Beater runs the threatq inputs.
type Beater struct {
	config   config.Beat
	inputs   []*config.Input
	files    *inputFiles // nil without
	log      *logp.Logger
	inflight *inflight
	pipeline *drainingPipeline
	follow   func(*beat.Beat, Inputs) (stop func()) // nil without a manager

	ctx  context.Context // ends with Stop
	stop context.CancelFunc
}

// Factory reads the configurations of inputs and creates their runners.
type Factory interface {
	cfgfile.RunnerFactory
	// Read reads and checks the configuration of an input.
	Read(raw *conf.C) (*config.Input, error)
}

// Inputs is what runs inputs beside those of the configuration.
type Inputs struct {
	// Factory reads the configuration of an input and creates its runner.
	Factory Factory
	// Pipeline is where the inputs publish.
	Pipeline beat.PipelineConnector
	// Store keeps the cursors.
	Store *registry.Store
	// Reports has the reports of all inputs that run.
	Reports *threat.Reports
	// Health keeps the health of all inputs that run.
	Health *health.Board
}

// Options say what a Beater does beside running the inputs of its configuration.
type Options struct {
	// OnAcknowledged is called with the number of events whenever the output has
	// acknowledged some. It must not block.
	OnAcknowledged func(events int)
	// Follow is called by Run before it starts Libbeat's manager, so that it can
	// register with it what runs the inputs that the manager brings. The function that
	// it returns is called at the end of Run.
	Follow func(b *beat.Beat, inputs Inputs) (stop func())
}

// New returns the creator of a Beater. It reads and checks the configuration,
// and refuses what could not run before anything is started.
func New(opts Options) beat.Creator {
	return func(b *beat.Beat, section *conf.C) (beat.Beater, error) {
		return newBeater(b, section, opts)
	}
}

func newBeater(b *beat.Beat, section *conf.C, opts Options) (*Beater, error) {
	if err := checkSelectors(logp.HasSelector); err != nil {
		return nil, err
	}
	cfg, err := config.ReadBeat(section)
	if err != nil {
		return nil, err
	}
	inputs, files, err := configured(&cfg, b.Info.Logger, b.Paths)
	if err != nil {
		return nil, err
	}
	if len(inputs) == 0 && !cfg.ReadsFiles() && !b.Manager.Enabled() && !b.InSetupCmd {
		return nil, ErrNoInput
	}
	if b.API != nil {
		if err := inputmon.AttachHandler(b.API.Router(), b.Monitoring.InputsRegistry()); err != nil {
			return nil, fmt.Errorf("adding the inputs' metrics to the HTTP endpoint: %w", err)
		}
	}

	bt := &Beater{
		config:   cfg,
		inputs:   inputs,
		files:    files,
		log:      b.Info.Logger,
		inflight: newInflight(b.Monitoring.StatsRegistry(), opts.OnAcknowledged),
		follow:   opts.Follow,
	}
	bt.ctx, bt.stop = context.WithCancel(context.Background())
	// Libbeat closes the pipeline before it stops the Beater. Closing it through
	// this wrapper stops the inputs first, so that nothing is published to a
	// pipeline that takes nothing any more.
	bt.pipeline = newDrainingPipeline(b.Publisher, bt.drain, cfg.ShutdownTimeout+closeGrace)
	b.Publisher = bt.pipeline
	return bt, nil
}

// Run runs the inputs until Stop.
func (bt *Beater) Run(b *beat.Beat) error {
	defer bt.pipeline.inputsStopped()
	limitMemory(bt.config.MaxInFlight)

	if err := config.CheckPath("path.logs", b.Paths.Logs); err != nil {
		return err
	}
	store, err := registry.Open(bt.log, bt.config.Registry, b.Paths)
	if err != nil {
		return err
	}
	defer store.Close()

	var managers unison.TaskGroup
	defer func() { _ = managers.Stop() }()
	factory, err := newInputFactory(b, bt.config, store, &managers)
	if err != nil {
		return err
	}
	watching, stopWatching := context.WithCancel(context.Background())
	defer stopWatching()
	go factory.tracker.Watch(watching)
	registerHealth(b.Monitoring.InfoRegistry(), factory.health)
	// What the output acknowledges until the pipeline is closed must find the
	// store open, so that its cursor can be saved.
	defer bt.pipeline.inputsStopped()

	pipeline := publishing(bt.pipeline, bt.inflight)
	configured := cfgfile.NewRunnerList("inputs", factory, pipeline, bt.log)
	defer configured.Stop()
	if err := start(factory, configured, bt.inputs); err != nil {
		return fmt.Errorf("starting the inputs: %w", err)
	}
	if bt.files != nil {
		list := cfgfile.NewRunnerList("reload", factory, pipeline, bt.log)
		defer list.Stop()
		done := make(chan struct{})
		var following sync.WaitGroup
		following.Go(func() {
			bt.files.follow(done, bt.config.Config.Inputs.Reload.Period, factory, list, factory.health.Shared())
		})
		defer following.Wait()
		defer close(done)
	}

	if bt.follow != nil {
		defer bt.follow(b, Inputs{Factory: factory, Pipeline: pipeline, Store: store, Reports: factory.reports, Health: factory.health})()
	}
	if err := b.Manager.Start(); err != nil {
		return fmt.Errorf("connecting to Elastic Agent: %w", err)
	}
	defer b.Manager.Stop()

	<-bt.ctx.Done()
	return nil
}

// publishing is the pipeline by which inputs publish: it gives up no event and counts
// those in flight. It saves each event the copy by which Libbeat brings the types of
// arbitrary events into a common form: the mapper uses these types only.
func publishing(pipeline beat.PipelineConnector, counted *inflight) beat.PipelineConnector {
	pipeline = pipetool.WithDefaultGuarantees(pipetool.WithACKer(pipeline, counted), beat.GuaranteedSend)
	return pipetool.WithClientConfigEdit(pipeline, func(cfg beat.ClientConfig) (beat.ClientConfig, error) {
		normalize := false
		cfg.Processing.EventNormalization = &normalize
		return cfg, nil
	})
}

// Stop ends Run. It may be called more than once.
func (bt *Beater) Stop() { bt.stop() }

// inputStopGrace is how long a shutdown without shutdown_timeout waits for the
// inputs. They stop at once, unless the output is blocked and the queue full:
// then only closing the pipeline frees them.
const inputStopGrace = 100 * time.Millisecond

// closeGrace is how long a shutdown waits, beyond shutdown_timeout, for Libbeat to
// close the pipeline. It waits a second itself for the output.
const closeGrace = 2 * time.Second

// drain stops the inputs and waits for what they have published, as long as
// shutdown_timeout allows.
func (bt *Beater) drain() {
	bt.log.Info("Stopping the inputs.")
	bt.Stop()
	deadline := time.Now().Add(max(bt.config.ShutdownTimeout, inputStopGrace))
	awaitClosed(bt.pipeline.stopped, time.Until(deadline))
	if bt.config.ShutdownTimeout > 0 && !bt.inflight.wait(time.Until(deadline)) {
		bt.log.Warnw("The output has not acknowledged everything before shutdown_timeout. What is left is collected again at the next start.",
			"shutdown_timeout", bt.config.ShutdownTimeout.String(), "events", bt.inflight.active.Get())
	}
}

// configSelectors are those under which Libbeat writes whole configurations to
// the log. It leaves out what is called a password, but not a client's secret,
// an API key or a header.
var configSelectors = []string{"config", "config-with-passwords"}

// checkSelectors refuses to log secrets. The asterisk is no danger: Libbeat
// wants these selectors by their names.
func checkSelectors(has func(selector string) bool) error {
	for _, selector := range configSelectors {
		if has(selector) {
			return fmt.Errorf("logging.selectors (or -d) names %q, under which configurations are written to the log with the secrets in them: leave it out; threatqbeat export config shows the configuration", selector)
		}
	}
	return nil
}

// registerHealth adds the health of the inputs to what the HTTP endpoint answers
// at its root: the worst of all with its reason, and how many inputs there are of
// each state.
func registerHealth(reg *monitoring.Registry, board *health.Board) {
	monitoring.NewFunc(reg, "health", func(_ monitoring.Mode, v monitoring.Visitor) {
		worst, inputs := board.Summary()
		v.OnRegistryStart()
		defer v.OnRegistryFinished()
		monitoring.ReportString(v, "status", worst.State.String())
		monitoring.ReportString(v, "reason", worst.Reason)
		monitoring.ReportNamespace(v, "inputs", func() {
			for _, state := range health.States {
				monitoring.ReportInt(v, state.String(), int64(inputs[state]))
			}
		})
	})
}
