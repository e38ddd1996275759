// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/elastic/beats/v7/libbeat/cmd/instance"
	"github.com/elastic/beats/v7/libbeat/version"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/useragent"

	"github.com/threatqbeat/threatqbeat/beater"
	"github.com/threatqbeat/threatqbeat/config"
)

// selectedInput is a configured input that a command works on.
type selectedInput struct {
	config.Input
	raw *conf.C
}

var errNoInput = errors.New("no input is configured: name one under threatqbeat.inputs, or switch on threatqbeat.config.inputs; see threatqbeat.reference.yml")

// selectInputs returns the configured inputs with the id, all of them for "", and
// the others.
func selectInputs(l *loaded, id string) (selected, others []selectedInput, err error) {
	inputs, err := beater.ConfiguredInputs(l.config, l.log, l.paths)
	if err != nil {
		return nil, nil, err
	}
	if len(inputs) == 0 {
		return nil, nil, errNoInput
	}
	var ids []string
	for _, raw := range inputs {
		cfg, err := config.UnpackInput(raw)
		if err != nil {
			return nil, nil, err
		}
		ids = append(ids, fmt.Sprintf("%q", cfg.ID))
		if id == "" || id == cfg.ID {
			selected = append(selected, selectedInput{cfg, raw})
		} else {
			others = append(others, selectedInput{cfg, raw})
		}
	}
	if len(selected) == 0 {
		slices.Sort(ids)
		return nil, nil, fmt.Errorf("no input with the id %q is configured: there is %s", id, strings.Join(slices.Compact(ids), ", "))
	}
	return selected, others, nil
}

func userAgent(settings instance.Settings) string {
	return useragent.UserAgentWithBeatTelemetry(settings.Name, version.GetDefaultVersion(),
		useragent.AgentManagementModeUnknown, useragent.AgentUnprivilegedModeUnknown, false)
}
