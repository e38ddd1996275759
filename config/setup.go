// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"time"

	"github.com/elastic/elastic-agent-libs/config"
)

const (
	minFrequency = time.Second
	maxFrequency = time.Hour
	minSyncDelay = time.Second
	maxSyncDelay = 24 * time.Hour
)

// Setup is what a configuration says under setup about the assets. Kibana's
// address and the dashboards are Libbeat's settings.
type Setup struct {
	// Template is the index templates' section.
	Template Load `config:"template"`
	// ILM is the policy's section.
	ILM Load `config:"ilm"`
	// Pipelines is the ingest pipeline's section.
	Pipelines Load `config:"pipelines"`
	// Transforms is the section of the transform and the index it writes to.
	Transforms SetupTransforms `config:"transforms"`
}

// Load says whether an asset is installed.
type Load struct {
	// Enabled switches the asset's installation on.
	Enabled bool `config:"enabled"`
	// Overwrite puts the asset even where the server has one that needs no
	// update: one that is current, newer, or that somebody changed.
	Overwrite bool `config:"overwrite"`
}

// SetupTransforms is setup.transforms.
type SetupTransforms struct {
	// Enabled switches the installation on.
	Enabled bool `config:"enabled"`
	// Frequency is the time between two looks at new events, from 1s to 1h. 0
	// stands for 30s, and for 120s in a Serverless project.
	Frequency time.Duration `config:"frequency"`
	// SyncDelay is how long after its arrival an event is surely searchable,
	// from 1s to 24h. 0 stands for 60s, and for 120s in a Serverless project.
	SyncDelay time.Duration `config:"sync_delay"`
}

// DefaultSetup returns the configuration that says nothing.
func DefaultSetup() Setup {
	return Setup{
		Template:   Load{Enabled: true},
		ILM:        Load{Enabled: true},
		Pipelines:  Load{Enabled: true},
		Transforms: SetupTransforms{Enabled: true},
	}
}

// fixed are settings of other Beats that have no effect here, with what to do
// instead.
var fixed = []struct{ path, instead string }{
	{"template.name", "the index template is always logs-ti_threatq.threat"},
	{"template.pattern", "the index template is always for logs-ti_threatq.threat-*"},
	{"template.settings", "put settings into the component template logs-ti_threatq.threat@custom"},
	{"template.append_fields", "put mappings into the component template logs-ti_threatq.threat@custom"},
	{"template.fields", "put mappings into the component template logs-ti_threatq.threat@custom"},
	{"template.json", "put settings and mappings into the component template logs-ti_threatq.threat@custom"},
	{"template.priority", "the index templates always have priority 200"},
	{"ilm.policy_name", "the policy is always logs-ti_threatq.threat-default_policy"},
	{"ilm.policy_file", "change the policy logs-ti_threatq.threat-default_policy in Kibana, setup keeps it so"},
	{"ilm.rollover_alias", "a data stream has no rollover alias"},
	{"ilm.pattern", "a data stream names its indices itself"},
}

// SetupFrom reads the configuration from the root of the beat's.
func SetupFrom(root *config.C) (Setup, error) {
	cfg := DefaultSetup()
	if root == nil || !root.HasField("setup") {
		return cfg, nil
	}
	section, err := root.Child("setup", -1)
	if err != nil {
		return Setup{}, fmt.Errorf("reading the settings under setup: %w", err)
	}
	var errs []error
	for _, f := range fixed {
		if has, err := section.Has(f.path, -1); err == nil && has {
			errs = append(errs, fmt.Errorf("setup.%s can't be set: %s", f.path, f.instead))
		}
	}
	errs = append(errs, CheckSetup(section))
	if err := Join(errs...); err != nil {
		return Setup{}, err
	}
	if err := section.Unpack(&cfg); err != nil {
		return Setup{}, ExplainBeat("setup", section, err)
	}
	return cfg, nil
}

// Validate is called when the section is unpacked. It refuses what Elasticsearch
// would refuse, naming the setting, its value and what would be right.
func (c *Setup) Validate() error {
	return Join(
		inRange("setup.transforms.frequency", c.Transforms.Frequency, minFrequency, maxFrequency, "1s to 1h"),
		inRange("setup.transforms.sync_delay", c.Transforms.SyncDelay, minSyncDelay, maxSyncDelay, "1s to 24h"),
	)
}

func inRange(path string, d, lowest, highest time.Duration, words string) error {
	if d == 0 || (d >= lowest && d <= highest) {
		return nil
	}
	return fmt.Errorf("%s is %s: it must be from %s, such as 60s", path, d, words)
}
