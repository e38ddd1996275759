// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/idxmgmt"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/config/secrets"
	"github.com/threatqbeat/threatqbeat/module/threatq/setup"
)

// assets lets a beat that runs install the templates, policy and pipeline when
// its Elasticsearch output connects.
type assets struct {
	// root is the whole configuration. Libbeat shows it to the index manager
	// and not to the Beater.
	root *conf.C
	// asks is set for a command that asks on standard output and ends the process
	// itself. The guard would hold back its question, which ends no line, and what it
	// prints last; Libbeat's keystore commands print no value.
	asks bool
}

// indexManagement is the beat's index manager. It is made after the keystore is
// open and before the outputs read their settings, so that this is where secrets
// are learned: the earliest place that Libbeat lets see the configuration.
func (a *assets) indexManagement(log *logp.Logger, info beat.Info, root *conf.C) (idxmgmt.Supporter, error) {
	a.root = root
	store, err := openKeystore(root, info.Beat)
	if err != nil {
		return nil, err
	}
	useVariables(store)
	secrets.LearnConfig(root)
	logging, err := config.SettingsUnder(root, "logging")
	if err != nil {
		return nil, err
	}
	if err := secrets.GuardLog(log, logging); err != nil {
		return nil, err
	}
	if !a.asks {
		if err := secrets.GuardStdio(); err != nil {
			return nil, err
		}
	}
	return setup.MakeIndexManager(log, info)
}

// install wraps the creator of a Beater.
func (a *assets) install(create beat.Creator) beat.Creator {
	return func(b *beat.Beat, section *conf.C) (beat.Beater, error) {
		bt, err := create(b, section)
		if err != nil {
			return nil, err
		}
		for _, warning := range config.Warnings(a.root) {
			b.Info.Logger.Warn(warning)
		}
		// Elastic Agent's integration brings the assets of a managed beat.
		if b.Config.Output.Name() == "elasticsearch" && !b.Manager.Enabled() {
			if err := setup.RegisterConnectCallback(a.root, b.Info.Logger); err != nil {
				return nil, err
			}
		}
		return bt, nil
	}
}
