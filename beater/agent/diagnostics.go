// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/cfgfile"
	"github.com/elastic/beats/v7/libbeat/common/diagnostics"
	"github.com/elastic/beats/v7/libbeat/management/status"
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

// diagnosis is what Elastic Agent's action diagnostics collects of one input.
type diagnosis struct {
	// Configuration has the settings that are known to be no secrets.
	Configuration map[string]any `json:"configuration"`
	// SavedCursor is what a restart would go on from: the output has
	// acknowledged what lies before it. Null when nothing is saved.
	SavedCursor *registry.State `json:"saved_cursor"`
	// Running tells whether the input runs; Report is empty when it doesn't.
	Running bool `json:"running"`
	threat.Report
	// Error is why a part of the diagnosis is missing.
	Error string `json:"error,omitempty"`
}

// diagnose collects the diagnosis of an input, as JSON.
func (f *runnerFactory) diagnose(raw *conf.C, cfg *config.Input) []byte {
	d := diagnosis{Configuration: cfg.Describe()}
	describeCommon(d.Configuration, raw)
	d.Report, d.Running = f.reports.Of(cfg.ID)
	saved, found, err := f.store.Saved(cfg.ID, cfg.URL, cfg.DataCollectionID)
	switch {
	case err != nil:
		d.Error = err.Error()
	case found:
		d.SavedCursor = &saved
	}
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return []byte(fmt.Sprintf("encoding the diagnosis of input %q: %s", cfg.ID, err))
	}
	return text
}

// describeCommon adds those of the common input settings that are no secrets. A
// processor's settings may be anything, so that only its name is shown.
func describeCommon(settings map[string]any, raw *conf.C) {
	var common struct {
		Tags              []string         `config:"tags"`
		Index             string           `config:"index"`
		Pipeline          string           `config:"pipeline"`
		Processors        []map[string]any `config:"processors"`
		PublisherPipeline struct {
			DisableHost bool `config:"disable_host"`
		} `config:"publisher_pipeline"`
	}
	if err := raw.Unpack(&common); err != nil {
		return
	}
	settings["tags"] = common.Tags
	settings["publisher_pipeline.disable_host"] = common.PublisherPipeline.DisableHost
	if common.Index != "" {
		settings["index"] = common.Index
	}
	if common.Pipeline != "" {
		settings["pipeline"] = common.Pipeline
	}
	names := []string{}
	for _, processor := range common.Processors {
		for name := range processor {
			names = append(names, name)
		}
	}
	settings["processors"] = names
}

// inputRunner is a runner that reports each change of its state, and what is the
// matter when it is asked.
type inputRunner struct {
	cfgfile.Runner
	id       string
	diagnose func() []byte
}

var (
	_ status.WithStatusReporter      = (*inputRunner)(nil)
	_ diagnostics.DiagnosticReporter = (*inputRunner)(nil)
)

// SetStatusReporter says whom the states are reported to.
func (r *inputRunner) SetStatusReporter(stream status.StatusReporter) {
	if runner, ok := r.Runner.(status.WithStatusReporter); ok {
		runner.SetStatusReporter(&streamReporter{StatusReporter: stream})
	}
}

// Diagnostics is called once, after the start.
func (r *inputRunner) Diagnostics() []diagnostics.DiagnosticSetup {
	return []diagnostics.DiagnosticSetup{{
		// The names of all streams of a unit are in one table.
		Name:        "threatq_" + r.id,
		Description: "Configuration without secrets, cursor, last error and last cycle of the stream " + r.id + ".",
		Filename:    "threatq_" + fileName(r.id) + ".json",
		ContentType: "application/json",
		Callback:    r.diagnose,
	}}
}

// fileName makes an id fit to be a part of a file's name anywhere.
func fileName(id string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '_'
	}, id)
}
