// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/elastic/elastic-agent-libs/config"
)

// InputType is the input's name in a configuration's setting type.
const InputType = "threatq"

// minReloadPeriod is the least time between two looks at the files of inputs.
const minReloadPeriod = time.Second

// minMaxInFlight is the least that may be in flight, in bytes.
const minMaxInFlight = 1 << 20

// Config is the part of the configuration under the key threatqbeat.
type Config struct {
	// Inputs are the inputs that run from start to stop.
	Inputs []*config.C `config:"inputs"`

	// ConfigInputs says where further inputs are read from (path, a glob) and
	// whether those files are followed while running (reload.enabled,
	// reload.period); nil when unset.
	ConfigInputs *config.C `config:"config.inputs"`

	// ShutdownTimeout is how long a shutdown waits for the output to
	// acknowledge what has been published already. 0, the default, leaves it
	// at the second that Libbeat's pipeline waits anyway.
	ShutdownTimeout time.Duration `config:"shutdown_timeout"`

	// MaxInFlight bounds the bytes of indicators that are published and not yet
	// acknowledged, over all inputs.
	MaxInFlight ByteSize `config:"max_in_flight"`

	// MaxAckDelay is how long the output may acknowledge nothing with events waiting
	// before the health says so. 0 for ever.
	MaxAckDelay time.Duration `config:"max_ack_delay"`

	// Registry says where and how the cursors are kept.
	Registry Registry `config:"registry"`
}

// Registry configures the store of the cursors.
type Registry struct {
	// Path is the store's directory, relative to path.data.
	Path string `config:"path"`

	// Permissions is the mode of the store's files.
	Permissions os.FileMode `config:"file_permissions"`

	// CleanInterval is the time between two searches for cursors of inputs
	// that are long gone (see the input's clean_inactive).
	CleanInterval time.Duration `config:"cleanup_interval"`
}

// Default returns the configuration of an empty file.
func Default() Config {
	return Config{
		MaxInFlight: 64 << 20,
		MaxAckDelay: time.Minute,
		Registry: Registry{
			Path:          "registry",
			Permissions:   0o600,
			CleanInterval: 5 * time.Minute,
		},
	}
}

// Unpack reads the section threatqbeat over the defaults and validates it.
func Unpack(section *config.C) (Config, error) {
	cfg := Default()
	if err := checkIsList(section); err != nil {
		return Config{}, err
	}
	if err := section.Unpack(&cfg); err != nil {
		return Config{}, ExplainBeat("threatqbeat", section, err)
	}
	return cfg, nil
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

// Validate is called by Unpack. It refuses what could not work, naming the
// setting, its value and what would be right.
func (c *Config) Validate() error {
	errs := []error{c.validateConfigInputs()}
	if c.ShutdownTimeout < 0 {
		errs = append(errs, fmt.Errorf("threatqbeat.shutdown_timeout is %s: it must be 0 (do not wait) or a positive duration such as 5s", c.ShutdownTimeout))
	}
	if c.MaxInFlight < minMaxInFlight {
		errs = append(errs, fmt.Errorf("threatqbeat.max_in_flight is %s: it must be at least %s, such as 64MiB", c.MaxInFlight, ByteSize(minMaxInFlight)))
	}
	if c.MaxAckDelay < 0 {
		errs = append(errs, fmt.Errorf("threatqbeat.max_ack_delay is %s: it must be 0 (for ever) or a positive duration such as 1m", c.MaxAckDelay))
	}
	if c.Registry.Path == "" {
		errs = append(errs, errors.New("threatqbeat.registry.path is empty: it must name a directory, absolute or relative to path.data, such as registry"))
	}
	if c.Registry.Permissions&0o600 != 0o600 {
		errs = append(errs, fmt.Errorf("threatqbeat.registry.file_permissions is %#o: the owner must be able to read and write, as in 0600", uint32(c.Registry.Permissions)))
	}
	if c.Registry.CleanInterval < time.Second {
		errs = append(errs, fmt.Errorf("threatqbeat.registry.cleanup_interval is %s: it must be at least 1s, such as 5m", c.Registry.CleanInterval))
	}
	return Join(errs...)
}

// validateConfigInputs refuses what Libbeat, which reads these settings, would
// replace by its defaults without a word.
func (c *Config) validateConfigInputs() error {
	if c.ConfigInputs == nil {
		return nil
	}
	files := struct {
		Enabled bool   `config:"enabled"`
		Path    string `config:"path"`
		Reload  struct {
			Enabled bool          `config:"enabled"`
			Period  time.Duration `config:"period"`
		} `config:"reload"`
	}{Enabled: true}
	files.Reload.Period = minReloadPeriod
	if err := c.ConfigInputs.Unpack(&files); err != nil {
		return ExplainBeat("threatqbeat.config.inputs", c.ConfigInputs, err)
	}
	switch {
	case !files.Enabled:
		return nil
	case files.Path == "":
		return errors.New("threatqbeat.config.inputs.path is missing: it must be a pattern of files, such as inputs.d/*.yml")
	case files.Reload.Period < minReloadPeriod:
		return fmt.Errorf("threatqbeat.config.inputs.reload.period is %s: it must be at least %s, such as 10s", files.Reload.Period, minReloadPeriod)
	}
	return nil
}

// EnabledInputs returns the inputs that are not switched off by enabled: false.
func (c *Config) EnabledInputs() []*config.C {
	var enabled []*config.C
	for _, input := range c.Inputs {
		if input.Enabled() {
			enabled = append(enabled, input)
		}
	}
	return enabled
}
