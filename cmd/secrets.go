// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/cfgfile"
	"github.com/elastic/beats/v7/libbeat/cmd"
	"github.com/elastic/beats/v7/libbeat/cmd/instance"
	"github.com/elastic/beats/v7/libbeat/management"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/go-ucfg"

	"github.com/threatqbeat/threatqbeat/beater"
	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/config/secrets"
)

// guardCommands replaces what Libbeat's commands run by the same, but that it ends
// with an error and not the process: what they print passes through a guard, which
// has to finish.
func guardCommands(root *cmd.BeatsRootCmd, settings instance.Settings, create beat.Creator) {
	guard(root.RunCmd, func() error {
		if err := checkFile(settings); err != nil {
			return exiting(err)
		}
		return instance.Run(settings, create)
	})
	root.Run = root.RunCmd.Run
	guard(child(root.TestCmd, "config"), func() error { return testConfig(settings, create) })
	guard(child(root.ExportCmd, "config"), func() error { return exportConfig(settings) })
}

// guard makes a command run something that has printed its error already.
func guard(c *cobra.Command, run func() error) {
	c.Run = func(*cobra.Command, []string) {
		err := run()
		secrets.ReleaseStdio()
		if err != nil {
			os.Exit(1)
		}
	}
}

func testConfig(settings instance.Settings, create beat.Creator) error {
	// What Libbeat would ignore, and what run would only be degraded by.
	if err := checkAll(settings); err != nil {
		return exiting(err)
	}
	b, err := instance.NewBeat(settings.Name, settings.IndexPrefix, settings.Version, settings.ElasticLicensed, settings.Initialize)
	if err != nil {
		return failed("initializing the beat", err)
	}
	return b.TestConfig(settings, create)
}

func exportConfig(settings instance.Settings) error {
	// A variable is shown, and not its value.
	conf.OverwriteConfigOpts([]ucfg.Option{ucfg.PathSep("."), ucfg.ResolveNOOP})
	cfg, err := cfgfile.Load("", settings.ConfigOverrides)
	if err != nil {
		return failed("reading the configuration", err)
	}
	var all map[string]any
	if err := cfg.Unpack(&all); err != nil {
		return failed("reading the configuration", err)
	}
	text, err := yaml.Marshal(secrets.HideConfig(all))
	if err != nil {
		return failed("encoding the configuration", err)
	}
	_, err = os.Stdout.Write(text)
	return err
}

func checkAll(settings instance.Settings) error {
	l, err := load(settings)
	if err != nil || management.UnderAgent() {
		return err
	}
	if err := config.CheckOutput(l.all); err != nil {
		return err
	}
	_, err = beater.ConfiguredInputs(&l.config, l.log, l.paths)
	return err
}

// exiting prints an error as Libbeat does when it refuses a configuration.
func exiting(err error) error {
	fmt.Fprintf(os.Stderr, "Exiting: %s\n", err)
	return err
}

func failed(what string, err error) error {
	err = fmt.Errorf("%s: %w", what, err)
	fmt.Fprintf(os.Stderr, "Error %s\n", err)
	return err
}
