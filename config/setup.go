// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"

	"github.com/elastic/elastic-agent-libs/config"
)

// SetupFrom reads what a configuration says under setup about the assets. root is
// the whole configuration, which has been checked; nil is an empty one.
func SetupFrom(root *config.C) (Setup, error) {
	var cfg Setup
	section := config.NewConfig()
	if root != nil && root.HasField("setup") {
		var err error
		if section, err = root.Child("setup", -1); err != nil {
			return Setup{}, fmt.Errorf("reading the settings under setup: %w", err)
		}
	}
	return cfg, readSection(section, "setup", &cfg)
}

// DefaultSetup returns the configuration that says nothing.
func DefaultSetup() Setup { return must(SetupFrom(nil)) }
