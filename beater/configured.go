// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beater

import (
	"errors"
	"fmt"

	"github.com/elastic/beats/v7/libbeat/cfgfile"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/paths"

	"github.com/threatqbeat/threatqbeat/config"
)

// ConfiguredInputs returns the inputs that Run would start: the enabled ones of
// the configuration, and those of the files that threatqbeat.config.inputs names.
// It refuses what could not run, as New and Run do.
func ConfiguredInputs(cfg config.Config, log *logp.Logger, p *paths.Path) ([]*conf.C, error) {
	inputs := cfg.EnabledInputs()
	if err := checkInputConfigs(inputs); err != nil {
		return nil, err
	}
	if !cfg.ConfigInputs.Enabled() {
		return inputs, nil
	}
	dynamic := cfgfile.DefaultDynamicConfig
	if err := cfg.ConfigInputs.Unpack(&dynamic); err != nil {
		return nil, fmt.Errorf("reading threatqbeat.config.inputs: %w", err)
	}
	files, _, err := cfgfile.NewGlobWatcher(p.Resolve(paths.Config, dynamic.Path), log).Scan()
	if err != nil {
		return nil, fmt.Errorf("looking for the files of threatqbeat.config.inputs: %w", err)
	}
	var errs []error
	for _, file := range files {
		fromFile, err := cfgfile.LoadList(file, log)
		if err != nil {
			errs = append(errs, fmt.Errorf("reading the inputs of %s: %w", file, err))
			continue
		}
		for _, input := range fromFile {
			if !input.Enabled() {
				continue
			}
			if err := checkInput(input); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", file, err))
				continue
			}
			inputs = append(inputs, input)
		}
	}
	return inputs, errors.Join(errs...)
}
