// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/cfgfile"
	"github.com/elastic/beats/v7/libbeat/common/reload"
	"github.com/elastic/beats/v7/libbeat/management"
	"github.com/elastic/beats/v7/libbeat/management/status"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/go-ucfg"

	"github.com/threatqbeat/threatqbeat/beater"
	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
	"github.com/threatqbeat/threatqbeat/module/threatq/threat"
)

// Follow runs the streams of Elastic Agent's policy as inputs, from the time that
// Libbeat's manager starts. The returned function stops them.
func (a *Agent) Follow(b *beat.Beat, inputs beater.Inputs) (stop func()) {
	log := b.Info.Logger
	a.checkins.watch(inputs.Health)
	registerInputMetrics(b, log)
	factory := &runnerFactory{Factory: inputs.Factory, store: inputs.Store, reports: inputs.Reports}
	managed := &managedInputs{
		factory: factory,
		runners: cfgfile.NewRunnerList(management.DebugK, factory, inputs.Pipeline, log),
	}
	b.Registry.MustRegisterInput(managed)
	return managed.runners.Stop
}

// refusedSetting holds why a stream can't be an input. No policy has a setting of
// that name.
const refusedSetting = "threatqbeat_refused"

// refusedInput stands for a stream of Elastic Agent's policy that can't be made
// an input. It never runs, and the stream's state is failed, for that reason.
func refusedInput(id string, reason error) *reload.ConfigWithMeta {
	input := ucfg.MustNewFrom(map[string]any{"id": id, refusedSetting: reason.Error()}) // without variables
	return &reload.ConfigWithMeta{Config: (*conf.C)(input)}
}

// whyRefused returns why refusedInput was called for an input.
func whyRefused(input *conf.C) error {
	if !input.HasField(refusedSetting) {
		return nil
	}
	reason, err := input.String(refusedSetting, -1)
	if err == nil {
		err = errors.New(reason)
	}
	return err
}

// managedInputs follows the streams of Elastic Agent's policy. A stream that
// can't run is reported as failed and as nothing else: to an error of Reload,
// Libbeat's manager answers by leaving the states of all units as they are (to be
// reported to elastic/beats: reload of managerV2.go returns before it sets them).
type managedInputs struct {
	factory *runnerFactory
	runners *cfgfile.RunnerList
}

// Reload starts, stops and keeps inputs, until what runs is what is configured.
func (m *managedInputs) Reload(configs []*reload.ConfigWithMeta) error {
	err := m.runners.Reload(m.runnable(configs))
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		reported := func(err error) bool { return errors.As(err, new(reportedError)) }
		err = errors.Join(slices.DeleteFunc(slices.Clone(joined.Unwrap()), reported)...)
	}
	return err
}

// runnable leaves out the streams that are switched off, and refuses those that
// share their id with another. Of these the first by the units' ids runs, because the
// manager has its units in no order (to be reported to elastic/beats: managerV2.go keeps
// them in a map).
func (m *managedInputs) runnable(configs []*reload.ConfigWithMeta) []*reload.ConfigWithMeta {
	configs = slices.Clone(configs)
	slices.SortStableFunc(configs, func(a, b *reload.ConfigWithMeta) int { return cmp.Compare(a.InputUnitID, b.InputUnitID) })
	units := map[string]string{}
	list := make([]*reload.ConfigWithMeta, 0, len(configs))
	for _, input := range configs {
		if !input.Config.Enabled() {
			m.factory.registerDiagnosis(input, nil)
			report(input.StatusReporter, status.Stopped, "switched off by enabled: false")
			continue
		}
		id, _ := input.Config.String("id", -1)
		var double error
		if unit, taken := units[id]; taken {
			double = fmt.Errorf("stream %q: id is that of another stream (of unit %s): each stream needs an id of its own, because its cursor is saved under it", id, unit)
		} else {
			units[id] = input.InputUnitID
		}
		m.factory.registerDiagnosis(input, double)
		if double != nil {
			changed := *input
			changed.Config = refusedInput(id, double).Config
			input = &changed
		}
		list = append(list, input)
	}
	return list
}

// runnerFactory creates the runners of streams.
type runnerFactory struct {
	beater.Factory
	store   *registry.Store
	reports *threat.Reports
}

// read reads and checks the configuration of a stream.
func (f *runnerFactory) read(input *conf.C) (*config.Input, error) {
	if err := whyRefused(input); err != nil {
		return nil, err
	}
	in, err := f.Read(input)
	return in, ofStream(input, err)
}

// Create returns the runner of a stream.
func (f *runnerFactory) Create(pipeline beat.PipelineConnector, input *conf.C) (cfgfile.Runner, error) {
	if err := whyRefused(input); err != nil {
		return nil, err
	}
	runner, err := f.Factory.Create(pipeline, input)
	if err != nil {
		return nil, ofStream(input, err)
	}
	return &streamRunner{runner}, nil
}

// ofStream calls the input a stream in an error, as Elastic Agent does.
func ofStream(input *conf.C, err error) error {
	if err == nil {
		return nil
	}
	id, _ := input.String("id", -1)
	return errors.New(strings.ReplaceAll(err.Error(), fmt.Sprintf("input %q", id), fmt.Sprintf("stream %q", id)))
}

// reportedError is why an input can't run, when Elastic Agent knows already.
type reportedError struct{ error }

func (e reportedError) Unwrap() error { return e.error }

// CreateWithReporter is Create for a stream of Elastic Agent's policy, whose
// state is failed when there is an error.
func (f *runnerFactory) CreateWithReporter(pipeline beat.PipelineConnector, input *conf.C, stream status.StatusReporter) (cfgfile.Runner, error) {
	runner, err := f.Create(pipeline, input)
	if err != nil {
		report(stream, status.Failed, err.Error())
		return nil, reportedError{err}
	}
	return runner, nil
}

// report reports a state with its reason. Libbeat passes on no other reason for
// a state that stays, so the stream is configured in between. To be reported to
// elastic/beats: updateStateForStream of unit.go compares the states alone.
func report(stream status.StatusReporter, state status.Status, reason string) {
	if stream == nil {
		return
	}
	stream.UpdateStatus(status.Configuring, "")
	stream.UpdateStatus(state, reason)
}

// streamRunner is a runner that reports each change of its state.
type streamRunner struct{ cfgfile.Runner }

var _ status.WithStatusReporter = (*streamRunner)(nil)

// SetStatusReporter says whom the states are reported to.
func (r *streamRunner) SetStatusReporter(stream status.StatusReporter) {
	if runner, ok := r.Runner.(status.WithStatusReporter); ok {
		runner.SetStatusReporter(&streamReporter{StatusReporter: stream})
	}
}

// streamReporter reports the states of a running input, and each reason: see
// report.
type streamReporter struct {
	status.StatusReporter
	last status.Status
}

// UpdateStatus reports a state. It is called by one goroutine at a time.
func (r *streamReporter) UpdateStatus(state status.Status, reason string) {
	if state == r.last && state != status.Configuring {
		report(r.StatusReporter, state, reason)
		return
	}
	r.last = state
	r.StatusReporter.UpdateStatus(state, reason)
}
