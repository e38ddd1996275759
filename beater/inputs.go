// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beater

import (
	"errors"
	"fmt"
	"sync"

	"github.com/elastic/beats/v7/filebeat/channel"
	v2 "github.com/elastic/beats/v7/filebeat/input/v2"
	"github.com/elastic/beats/v7/filebeat/input/v2/compat"
	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/cfgfile"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/paths"
	"github.com/elastic/go-concert/unison"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/config/secrets"
	"github.com/threatqbeat/threatqbeat/module/threatq/delivery"
	"github.com/threatqbeat/threatqbeat/module/threatq/health"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
	"github.com/threatqbeat/threatqbeat/module/threatq/threat"
)

// inputFactory creates the runners of inputs, with the common input settings of
// Beats. It reads a configuration before Libbeat's own factories do, so that its errors
// are those of package config.
type inputFactory struct {
	cfgfile.RunnerFactory
	// unknown is told of settings that an input doesn't have, where a manager's policy
	// carries them; nil has them refused.
	unknown func(error)
	store   *registry.Store
	reports *threat.Reports
	health  *health.Board
	tracker *delivery.Tracker
	read    sync.Map // *config.Input by its id: read, and not made a runner yet
}

func newInputFactory(b *beat.Beat, cfg config.Beat, store *registry.Store, group unison.Group) (*inputFactory, error) {
	reports, board := &threat.Reports{}, &health.Board{}
	totals := b.Monitoring.StatsRegistry().GetOrCreateRegistry("threatqbeat")
	tracker := delivery.NewTracker(delivery.Settings{
		MaxInFlight: int64(cfg.MaxInFlight),
		MaxAckDelay: cfg.MaxAckDelay,
	}, board, totals)
	store.OnSave(func(inputID string, err error) {
		if err == nil {
			board.Of(inputID).Clear(health.Registry)
			return
		}
		board.Of(inputID).Set(health.Registry, health.Degraded, fmt.Sprintf(
			"the cursor can't be saved, so that a restart would collect again what came since: %s: make room in path.data, or make it writable", err))
	})
	log := b.Info.Logger.Named("input")
	f := &inputFactory{store: store, reports: reports, health: board, tracker: tracker}
	if b.Manager.Enabled() {
		f.unknown = func(err error) { log.Warnf("A setting of the policy has no effect: %s.", err) }
	}
	plugin := threat.Plugin(threat.Environment{
		Read:      f.take,
		Log:       log,
		Store:     store,
		Known:     store.Known(),
		Paths:     b.Paths,
		UserAgent: b.Info.UserAgent,
		Totals:    totals,
		Reports:   reports,
		Health:    board,
		Delivery:  tracker,
	})
	loader, err := v2.NewLoader(log, []v2.Plugin{plugin}, "type", "")
	if err != nil {
		return nil, fmt.Errorf("registering the input %s: %w", config.InputType, err)
	}
	if err := loader.Init(group); err != nil {
		return nil, fmt.Errorf("starting the store of the cursors: %w", err)
	}
	f.RunnerFactory = channel.RunnerFactoryWithCommonInputSettings(b.Info,
		compat.RunnerFactory(log, b.Info, b.Monitoring.InputsRegistry(), loader))
	return f, nil
}

// Read reads and checks the configuration of an input.
func (f *inputFactory) Read(raw *conf.C) (*config.Input, error) { return readInput(raw, f.unknown) }

// CheckConfig refuses a configuration that could not run.
func (f *inputFactory) CheckConfig(raw *conf.C) error {
	_, err := f.Read(raw)
	return err
}

// keep keeps what has been read until its runner is made.
func (f *inputFactory) keep(inputs ...*config.Input) {
	for _, in := range inputs {
		f.read.Store(in.ID, in)
	}
}

// take returns what has been kept of an input, or reads it.
func (f *inputFactory) take(raw *conf.C) (*config.Input, error) {
	if id, err := raw.String("id", -1); err == nil {
		if in, ok := f.read.LoadAndDelete(id); ok {
			return in.(*config.Input), nil
		}
	}
	return f.Read(raw)
}

// Create returns the runner of an input.
func (f *inputFactory) Create(pipeline beat.PipelineConnector, raw *conf.C) (cfgfile.Runner, error) {
	in, err := f.take(raw)
	if err != nil {
		return nil, err
	}
	f.keep(in) // for the input, which Filebeat configures
	defer f.read.Delete(in.ID)
	return f.RunnerFactory.Create(f.tracker.Input(in.ID).Pipeline(pipeline), in.Raw())
}

func readInput(raw *conf.C, unknown func(error)) (*config.Input, error) {
	secrets.LearnConfig(raw) // those of files and of Elastic Agent as well
	return config.ReadInput(raw, unknown)
}

// ErrNoInput says that a configuration has nothing to collect from.
var ErrNoInput = errors.New("no input is configured: name one under threatqbeat.inputs, or switch on threatqbeat.config.inputs; see threatqbeat.reference.yml")

// configured reads the inputs that Run starts, and refuses what could not run: the
// enabled ones of the configuration and those of the files that it names, unless they
// are followed.
func configured(cfg *config.Beat, log *logp.Logger, p *paths.Path) (inputs []*config.Input, followed *inputFiles, err error) {
	var errs []error
	places := map[string]string{}
	for i, raw := range cfg.Inputs {
		if !raw.Enabled() {
			continue
		}
		place := fmt.Sprintf("threatqbeat.inputs.%d", i)
		in, err := readInput(raw, nil)
		if err == nil {
			err = claim(places, in.ID, place)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", place, err))
			continue
		}
		inputs = append(inputs, in)
	}
	if err := config.Join(errs...); err != nil || !cfg.ReadsFiles() {
		return inputs, nil, err
	}
	files := newInputFiles(cfg, inputs, p, log)
	if cfg.Config.Inputs.Reload.Enabled {
		return inputs, files, nil
	}
	more, err := files.read()
	return append(inputs, more...), nil, err
}

// ConfiguredInputs returns the inputs of a configuration and of the files that it
// names, followed or not, and refuses what could not run.
func ConfiguredInputs(cfg *config.Beat, log *logp.Logger, p *paths.Path) ([]*config.Input, error) {
	inputs, files, err := configured(cfg, log, p)
	if err != nil || files == nil {
		return inputs, err
	}
	more, err := files.read()
	return append(inputs, more...), err
}

// claim takes an id for the input at a place, or says where it has been taken.
func claim(places map[string]string, id, place string) error {
	if other, taken := places[id]; taken {
		return fmt.Errorf("id is %q, as that of %s: each input needs an id of its own, because its cursor is saved under it", id, other)
	}
	places[id] = place
	return nil
}
