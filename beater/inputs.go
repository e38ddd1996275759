// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beater

import (
	"errors"
	"fmt"

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

// defaultTags are the tags of an input that names none: forwarded, for the
// indicators are not about the host that collects them.
var defaultTags = []string{"forwarded", "threatq-threat"}

// inputFactory creates the runners of inputs, with the common input settings of
// Beats. It checks a configuration before Libbeat's own factories see it, so
// that their wording never stands between a user and the reason.
type inputFactory struct {
	cfgfile.RunnerFactory
	managed bool
	store   *registry.Store
	reports *threat.Reports
	health  *health.Board
	tracker *delivery.Tracker
}

func newInputFactory(b *beat.Beat, cfg config.Config, store *registry.Store, group unison.Group) (*inputFactory, error) {
	reports, board := &threat.Reports{}, &health.Board{}
	totals := b.Monitoring.StatsRegistry().GetOrCreateRegistry("threatqbeat")
	tracker := delivery.NewTracker(delivery.Settings{
		MaxInFlight: int64(cfg.MaxInFlight),
		MaxAckDelay: cfg.MaxAckDelay,
	}, board, totals)
	log := b.Info.Logger.Named("input")
	plugin := threat.Plugin(threat.Environment{
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
	return &inputFactory{
		RunnerFactory: channel.RunnerFactoryWithCommonInputSettings(b.Info,
			compat.RunnerFactory(log, b.Info, b.Monitoring.InputsRegistry(), loader)),
		managed: b.Manager.Enabled(),
		store:   store,
		reports: reports,
		health:  board,
		tracker: tracker,
	}, nil
}

// CheckConfig refuses a configuration that could not run.
func (f *inputFactory) CheckConfig(input *conf.C) error { return f.check(input) }

// check refuses unknown settings only where a person wrote them: a manager's
// policy carries settings that are not for the input.
func (f *inputFactory) check(input *conf.C) error {
	if f.managed {
		return checkValues(input)
	}
	return checkInput(input)
}

// Create returns the runner of an input.
func (f *inputFactory) Create(pipeline beat.PipelineConnector, input *conf.C) (cfgfile.Runner, error) {
	if err := f.check(input); err != nil {
		return nil, err
	}
	input, err := WithDefaults(input)
	if err != nil {
		return nil, err
	}
	id, err := input.String("id", -1)
	if err != nil {
		return nil, err
	}
	return f.RunnerFactory.Create(f.tracker.Input(id).Pipeline(pipeline), input)
}

// WithDefaults adds what an input has that doesn't say otherwise: its tags, and
// no host.name, because an indicator is no event of the host that collects it.
func WithDefaults(input *conf.C) (*conf.C, error) {
	merged, err := conf.NewConfigFrom(input)
	if err != nil {
		return nil, fmt.Errorf("copying the settings of an input: %w", err)
	}
	defaults := map[string]any{}
	if !input.HasField("tags") {
		defaults["tags"] = defaultTags
	}
	if set, err := input.Has("publisher_pipeline.disable_host", -1); err != nil || !set {
		defaults["publisher_pipeline.disable_host"] = true
	}
	if err := merged.Merge(defaults); err != nil {
		return nil, fmt.Errorf("adding the defaults of an input: %w", err)
	}
	return merged, nil
}

// checkInputConfigs checks the inputs one by one and that no two share an id.
func checkInputConfigs(inputs []*conf.C) error {
	var errs []error
	seen := map[string]bool{}
	for i, input := range inputs {
		if err := checkInput(input); err != nil {
			errs = append(errs, fmt.Errorf("threatqbeat.inputs.%d: %w", i, err))
			continue
		}
		id, _ := input.String("id", -1)
		if seen[id] {
			errs = append(errs, fmt.Errorf("threatqbeat.inputs.%d.id is %q, as that of another input: each input needs an id of its own, because its cursor is saved under it", i, id))
		}
		seen[id] = true
	}
	return errors.Join(errs...)
}

// checkInput refuses settings that don't exist and values that could not work.
func checkInput(input *conf.C) error {
	return errors.Join(config.CheckInput(input), checkValues(input))
}

func checkValues(input *conf.C) error {
	secrets.LearnConfig(input) // those of files and of Elastic Agent as well
	kind, err := input.String("type", -1)
	if err != nil {
		return fmt.Errorf("type is missing: it must be %s", config.InputType)
	}
	if kind != config.InputType {
		return fmt.Errorf("type is %q: it must be %s, the only input of threatqbeat", kind, config.InputType)
	}
	if _, err = config.UnpackInput(input); err != nil {
		return config.ExplainInput(input, err)
	}
	return checkCommon(input)
}

// followFiles runs the inputs of the files that threatqbeat.config.inputs names
// and, with reload.enabled, follows them. The returned function stops all that.
func followFiles(log *logp.Logger, pipeline beat.PipelineConnector, factory cfgfile.RunnerFactory, section *conf.C, p *paths.Path) (func(), error) {
	reloader := cfgfile.NewReloader(log.Named("reloader"), pipeline, section, p)
	if err := reloader.Check(factory); err != nil {
		return nil, fmt.Errorf("checking the files of threatqbeat.config.inputs: %w", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		reloader.Run(factory)
	}()
	return func() {
		reloader.Stop()
		<-done
	}, nil
}
