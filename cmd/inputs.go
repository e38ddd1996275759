// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/elastic/beats/v7/libbeat/cmd/instance"
	"github.com/elastic/beats/v7/libbeat/version"
	"github.com/elastic/elastic-agent-libs/useragent"

	"github.com/threatqbeat/threatqbeat/beater"
	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/doctor"
)

// selectInputs returns the configured inputs with the id, all of them for "", and
// the others.
func selectInputs(l *loaded, id string) (selected, others []*config.Input, err error) {
	inputs, err := beater.ConfiguredInputs(&l.config, l.log, l.paths)
	if err != nil {
		return nil, nil, err
	}
	if len(inputs) == 0 {
		return nil, nil, beater.ErrNoInput
	}
	var ids []string
	for _, in := range inputs {
		ids = append(ids, fmt.Sprintf("%q", in.ID))
		if id == "" || id == in.ID {
			selected = append(selected, in)
		} else {
			others = append(others, in)
		}
	}
	if len(selected) == 0 {
		slices.Sort(ids)
		return nil, nil, fmt.Errorf("no input with the id %q is configured: there is %s", id, strings.Join(ids, ", "))
	}
	return selected, others, nil
}

// namespacesOf returns the namespaces that inputs write to.
func namespacesOf(inputs []*config.Input) []string {
	var namespaces []string
	for _, in := range inputs {
		namespaces = append(namespaces, in.DataStream.Namespace)
	}
	slices.Sort(namespaces)
	return slices.Compact(namespaces)
}

// targetOf returns an input as the doctor takes it.
func targetOf(l *loaded, settings instance.Settings, in *config.Input) doctor.Target {
	userAgent := useragent.UserAgentWithBeatTelemetry(settings.Name, version.GetDefaultVersion(),
		useragent.AgentManagementModeUnknown, useragent.AgentUnprivilegedModeUnknown, false)
	return doctor.Target{Input: *in, Log: l.log.Named("input").With("id", in.ID), UserAgent: userAgent}
}
