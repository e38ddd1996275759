// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"github.com/elastic/beats/v7/libbeat/cmd"
	"github.com/elastic/beats/v7/libbeat/cmd/instance"
	"github.com/elastic/beats/v7/libbeat/publisher/processing"

	// Elastic Agent's control protocol, in force with management.enabled only.
	_ "github.com/elastic/beats/v7/x-pack/libbeat/management"

	"github.com/threatqbeat/threatqbeat/beater"
)

const (
	// Name is the Beat's name.
	Name = "threatqbeat"

	// Version is the version of threatqbeat, which is not that of the Libbeat
	// it stands on.
	Version = "0.1.0"
)

// RootCmd is the command line.
var RootCmd = newRootCmd()

func newRootCmd() *cmd.BeatsRootCmd {
	settings := settings()
	root := cmd.GenRootCmdWithSettings(beater.New(), settings)
	root.Short = "Ships threat indicators from ThreatQ"
	root.SilenceUsage = true
	root.CompletionCmd.Hidden = false
	root.AddCommand(newDemoCmd(settings), newSimulateCmd(), newCursorCmd(settings))
	root.TestCmd.AddCommand(newTestInputCmd(settings))
	return root
}

func settings() instance.Settings {
	return instance.Settings{
		Name:            Name,
		Version:         Version,
		ElasticLicensed: true,
		Processing: processing.MakeDefaultSupport(true, nil,
			processing.WithECS, processing.WithHost, processing.WithAgentMeta()),
	}
}
