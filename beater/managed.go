// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beater

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/cfgfile"
	"github.com/elastic/beats/v7/libbeat/common/reload"
	"github.com/elastic/beats/v7/libbeat/management/status"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/go-ucfg"
)

// refusalSetting holds why a stream is none. No policy has a setting of that name.
const refusalSetting = "threatqbeat_refusal"

// RefusedInput stands for a stream of Elastic Agent's policy that can't be made
// an input. It never runs, and the stream's state is failed, for that reason.
func RefusedInput(id string, reason error) *reload.ConfigWithMeta {
	config := ucfg.MustNewFrom(map[string]any{"id": id, refusalSetting: reason.Error()}) // without variables
	return &reload.ConfigWithMeta{Config: (*conf.C)(config)}
}

// refusal returns why RefusedInput was called for an input.
func refusal(input *conf.C) error {
	if !input.HasField(refusalSetting) {
		return nil
	}
	reason, err := input.String(refusalSetting, -1)
	if err != nil {
		return err
	}
	return errors.New(reason)
}

// managedInputs follows the streams of Elastic Agent's policy. A stream that
// can't run is reported as failed and as nothing else: to an error of Reload,
// Libbeat's manager answers by leaving the states of all units as they are.
type managedInputs struct {
	runners *cfgfile.RunnerList
}

// Reload starts, stops and keeps inputs, until what runs is what is configured.
func (m *managedInputs) Reload(configs []*reload.ConfigWithMeta) error {
	err := m.runners.Reload(m.runnable(configs))
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err
	}
	var unreported []error
	for _, err := range joined.Unwrap() {
		if !errors.As(err, new(reportedError)) {
			unreported = append(unreported, err)
		}
	}
	return errors.Join(unreported...)
}

// runnable leaves out the streams that are switched off, and refuses those that
// share their id with another. Of these the first by the units' ids runs, for the
// manager has its units in no order.
func (m *managedInputs) runnable(configs []*reload.ConfigWithMeta) []*reload.ConfigWithMeta {
	configs = slices.Clone(configs)
	slices.SortStableFunc(configs, func(a, b *reload.ConfigWithMeta) int { return cmp.Compare(a.InputUnitID, b.InputUnitID) })
	units := map[string]string{}
	list := make([]*reload.ConfigWithMeta, 0, len(configs))
	for _, input := range configs {
		if !input.Config.Enabled() {
			report(input.StatusReporter, status.Stopped, "switched off by enabled: false")
			continue
		}
		id, _ := input.Config.String("id", -1)
		if unit, taken := units[id]; taken {
			input = withConfig(input, RefusedInput(id, fmt.Errorf(
				"stream %q: id is that of another stream (of unit %s): each stream needs an id of its own, for its cursor is saved under it", id, unit)))
		} else {
			units[id] = input.InputUnitID
		}
		list = append(list, input)
	}
	return list
}

func withConfig(input, other *reload.ConfigWithMeta) *reload.ConfigWithMeta {
	changed := *input
	changed.Config = other.Config
	return &changed
}

// Stop stops all inputs.
func (m *managedInputs) Stop() { m.runners.Stop() }

// reportedError is why an input can't run, when Elastic Agent knows already.
type reportedError struct{ error }

func (e reportedError) Unwrap() error { return e.error }

// CreateWithReporter is Create for a stream of Elastic Agent's policy, whose
// state is failed when there is an error.
func (f *inputFactory) CreateWithReporter(pipeline beat.PipelineConnector, input *conf.C, stream status.StatusReporter) (cfgfile.Runner, error) {
	runner, err := f.Create(pipeline, input)
	if err != nil {
		report(stream, status.Failed, err.Error())
		return nil, reportedError{err}
	}
	return runner, nil
}

// report reports a state with its reason. Libbeat passes on no other reason for
// a state that stays, so the stream is configured in between.
func report(stream status.StatusReporter, state status.Status, reason string) {
	if stream == nil {
		return
	}
	stream.UpdateStatus(status.Configuring, "")
	stream.UpdateStatus(state, reason)
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
