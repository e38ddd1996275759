// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"errors"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/elastic/beats/v7/libbeat/cfgfile"
	"github.com/elastic/beats/v7/libbeat/cmd"
	"github.com/elastic/beats/v7/libbeat/cmd/instance"
	"github.com/elastic/beats/v7/libbeat/outputs"
	"github.com/elastic/beats/v7/libbeat/publisher/processing"

	"github.com/threatqbeat/threatqbeat/beater"
	"github.com/threatqbeat/threatqbeat/beater/agent"
	"github.com/threatqbeat/threatqbeat/beater/kafka"
	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/config/secrets"
	"github.com/threatqbeat/threatqbeat/module/threatq/delivery"
	"github.com/threatqbeat/threatqbeat/module/threatq/threat"
)

// RootCmd is the command line.
var RootCmd = newRootCmd()

func newRootCmd() *cmd.BeatsRootCmd {
	loader := &assets{}
	settings := settings()
	delivery.ReplaceOutputs()
	delivery.ReplaceOutput("kafka", func(factory outputs.Factory) outputs.Factory {
		return delivery.Watched("kafka", kafka.Around(factory))
	})
	settings.IndexManagement = loader.indexManagement
	elasticAgent := &agent.Agent{}
	create := loader.install(beater.New(beater.Options{Follow: elasticAgent.Follow}))
	root := cmd.GenRootCmdWithSettings(create, settings)
	root.SetOut(secrets.Writer(os.Stdout))
	root.SetErr(secrets.Writer(os.Stderr))
	root.Short = "Ships threat indicators from ThreatQ"
	root.SilenceUsage = true
	// Cobra's own knows more shells.
	root.RemoveCommand(root.CompletionCmd)
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		elasticAgent.Prepare()
		loader.asks = c.Parent() == root.KeystoreCmd
		return prepare(c)
	}

	// Libbeat's own setup would install none of our assets.
	root.RemoveCommand(root.SetupCmd)
	root.SetupCmd = newSetupCmd(settings)
	root.AddCommand(root.SetupCmd)
	addExports(root.ExportCmd)
	guardCommands(root, settings, create)
	askOnlyWhoAnswers(root.KeystoreCmd, settings)
	version, run := root.Flags().Bool("version", false, "Show current version info"), root.Run
	root.Run = func(cmd *cobra.Command, args []string) {
		if *version {
			run = root.VersionCmd.Run
		}
		run(cmd, args)
	}
	root.AddCommand(newDemoCmd(settings), newSimulateCmd(), newCursorCmd(settings), newVerifyCmd(settings, loader.install))
	root.TestCmd.RemoveCommand(child(root.TestCmd, "output"))
	root.TestCmd.AddCommand(newTestOutputCmd(settings), newTestInputCmd(settings))
	root.TestCmd.Short = "Test the configuration, the way to ThreatQ and the output"
	for _, group := range []*cobra.Command{root.ExportCmd, root.TestCmd, root.KeystoreCmd} {
		refuseUnknown(group)
	}
	return root
}

// child returns the command of that name in a group of Libbeat's.
func child(group *cobra.Command, name string) *cobra.Command {
	commands := group.Commands()
	return commands[slices.IndexFunc(commands, func(c *cobra.Command) bool { return c.Name() == name })]
}

// refuseUnknown lets a command that only groups others fail for one that it
// doesn't have. Libbeat's print their help and succeed.
func refuseUnknown(group *cobra.Command) {
	group.Args = cobra.NoArgs
	group.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

func settings() instance.Settings {
	return instance.Settings{
		Name:            config.Name,
		Version:         config.Version,
		ElasticLicensed: true,
		ConfigOverrides: []cfgfile.ConditionalOverride{{Check: placeHome}, {Check: replaceCredentials}, {Check: takeTexts}},
		Processing: threat.Processing(processing.MakeDefaultSupport(true, agent.Processors(),
			processing.WithECS, processing.WithHost, processing.WithAgentMeta())),
	}
}

// exitError is an error with an exit code of its own.
type exitError struct {
	error
	code int
}

func (e exitError) Unwrap() error { return e.error }

// ExitCode returns the exit code of the process after RootCmd.Execute has returned
// err: 0 without an error, 1 or what the command documents otherwise.
func ExitCode(err error) int {
	var exit exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.code
	}
	return 1
}
