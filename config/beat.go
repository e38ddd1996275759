// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"

	"github.com/elastic/elastic-agent-libs/config"
)

// ReadBeat reads the section threatqbeat, given without its key, over the defaults.
// It refuses what could not work, naming the setting, its value and what would be
// right. It does not look into the inputs.
func ReadBeat(section *config.C) (Beat, error) {
	c := newChecker(scopeBelow("threatqbeat."), " in section threatqbeat")
	c.walk(section, "")
	problems := c.unknown
	for _, err := range append(c.unresolved, c.wrong...) {
		problems = append(problems, fmt.Errorf("threatqbeat.%w", err))
	}
	if err := Join(problems...); err != nil {
		return Beat{}, err
	}
	var cfg Beat
	if err := checkIsList(section); err != nil {
		return Beat{}, err
	}
	if err := readSection(section, "threatqbeat", &cfg); err != nil {
		return Beat{}, err
	}
	var errs []error
	if files := cfg.Config.Inputs; section.HasField("config") && files.Enabled && files.Path == "" {
		errs = append(errs, errors.New("threatqbeat.config.inputs.path is missing: it must be a pattern of files, such as inputs.d/*.yml"))
	}
	if cfg.Registry.Path == "" {
		errs = append(errs, errors.New("threatqbeat.registry.path is empty: it must name a directory, absolute or relative to path.data, such as registry"))
	}
	if cfg.Registry.FilePermissions&0o600 != 0o600 {
		errs = append(errs, fmt.Errorf("threatqbeat.registry.file_permissions is %#o: the owner must be able to read and write, as in 0600", uint32(cfg.Registry.FilePermissions)))
	}
	return cfg, Join(errs...)
}

// checkIsList refuses an input that stands below threatqbeat.inputs without a
// dash: what isn't a list would count as an empty one.
func checkIsList(section *config.C) error {
	if !section.HasField("inputs") {
		return nil
	}
	inputs, err := section.Child("inputs", -1)
	if err == nil && (inputs.IsArray() || !inputs.IsDict()) {
		return nil // a list, or nothing
	}
	return errors.New("threatqbeat.inputs is no list: each input begins with a dash, as in - type: threatq")
}

// ReadsFiles reports whether inputs are read from files.
func (b *Beat) ReadsFiles() bool { return b.Config.Inputs.Path != "" && b.Config.Inputs.Enabled }

// SetupFrom reads what a configuration says under setup about the assets. root is
// the whole configuration, which has been checked.
func SetupFrom(root *config.C) (cfg Setup, err error) {
	section, err := SettingsUnder(root, "setup")
	if err != nil {
		return Setup{}, err
	}
	err = readSection(section, "setup", &cfg)
	return cfg, err
}

// SettingsUnder returns the settings under a key of a configuration, none when the key is
// missing.
func SettingsUnder(root *config.C, key string) (*config.C, error) {
	if !root.HasField(key) {
		return config.NewConfig(), nil
	}
	section, err := root.Child(key, -1)
	if err != nil {
		return nil, fmt.Errorf("reading the settings under %s: %w", key, err)
	}
	return section, nil
}
