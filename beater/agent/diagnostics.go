// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/common/reload"
	"github.com/elastic/beats/v7/libbeat/monitoring/inputmon"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
	"github.com/threatqbeat/threatqbeat/module/threatq/threat"
)

// registerInputMetrics adds the inputs' metrics to what Elastic Agent's action
// diagnostics collects.
func registerInputMetrics(b *beat.Beat, log *logp.Logger) {
	b.Manager.RegisterDiagnosticHook("input_metrics", "Metrics of the running inputs.",
		"input_metrics.json", "application/json", func() []byte {
			data, err := inputmon.MetricSnapshotJSON(b.Monitoring.InputsRegistry())
			if err != nil {
				log.Warnw("The inputs' metrics can't be collected for the diagnostics.", "error", err)
				return []byte(fmt.Sprintf("collecting the inputs' metrics: %s", err))
			}
			return data
		})
}

// diagnosis is what Elastic Agent's action diagnostics collects of one stream.
type diagnosis struct {
	// Configuration has the settings that are known to be no secrets.
	Configuration any `json:"configuration"`
	// SavedCursor is what a restart would go on from: the output has
	// acknowledged what lies before it. Null when nothing is saved.
	SavedCursor *registry.State `json:"saved_cursor"`
	// Running tells whether the stream runs; there is no Report when it doesn't.
	Running bool `json:"running"`
	*threat.Report
	// Error is why the stream doesn't run or a part of the diagnosis is missing.
	Error string `json:"error,omitempty"`
}

// registerDiagnosis adds a stream to what the action diagnostics collects, whether
// it runs or not. refused is why it won't run, nil unless that is known.
func (f *runnerFactory) registerDiagnosis(input *reload.ConfigWithMeta, refused error) {
	if input.DiagCallback == nil {
		return
	}
	name, _ := input.Config.String("id", -1)
	// The names of all streams of a unit are in one table, and two streams may share
	// an id by mistake.
	if reporter, ok := input.StatusReporter.(interface{ ID() string }); ok {
		name = reporter.ID()
	}
	input.DiagCallback.Register("threatq_"+name,
		"Configuration without secrets, cursor, last error and last cycle of the stream "+name+".",
		"threatq_"+unfit.ReplaceAllString(name, "_")+".json", "application/json",
		func() []byte { return f.diagnose(input.Config, refused) })
}

// diagnose collects the diagnosis of a stream, as JSON.
func (f *runnerFactory) diagnose(input *conf.C, refused error) []byte {
	text, err := json.MarshalIndent(f.diagnosisOf(input, refused), "", "  ")
	if err != nil {
		id, _ := input.String("id", -1)
		return []byte(fmt.Sprintf("encoding the diagnosis of stream %q: %s", id, err))
	}
	return text
}

func (f *runnerFactory) diagnosisOf(input *conf.C, refused error) diagnosis {
	var in *config.Input
	if refused == nil {
		in, refused = f.read(input)
	}
	if refused != nil {
		var settings map[string]any
		_ = input.Unpack(&settings) // what can't be read isn't shown
		return diagnosis{Configuration: config.ShowInput(settings), Error: refused.Error()}
	}
	d := diagnosis{Configuration: in.Describe()}
	if report, running := f.reports.Of(in.ID); running {
		d.Running, d.Report = true, &report
	}
	saved, found, err := f.store.Saved(in.ID, in.URL, in.DataCollectionID)
	switch {
	case err != nil:
		d.Error = err.Error()
	case found:
		d.SavedCursor = &saved
	}
	return d
}

// unfit is what can't be a part of a file's name everywhere.
var unfit = regexp.MustCompile(`[^a-zA-Z0-9._-]`)
