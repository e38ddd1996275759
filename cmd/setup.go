// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"fmt"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/elastic/beats/v7/libbeat/cmd/instance"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/setup"
)

// setupParts are the flags of setup and what each of them installs.
var setupParts = []struct {
	flag, usage string
	part        setup.Parts
}{
	{"index-management", "install the ILM policy, the index templates and the index of active indicators with its alias", setup.IndexManagement},
	{"pipelines", "install the ingest pipeline", setup.Pipelines},
	{"transforms", "install and start the transform that keeps the active indicators", setup.Transforms},
	{"dashboards", "install the data view and the dashboards in Kibana", setup.Dashboards},
}

func newSetupCmd(settings instance.Settings) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Install the Elasticsearch assets and the Kibana dashboards",
		Long: `Installs what keeps the active indicators under the alias
logs-ti_threatq_latest.threat: the index templates, ILM policy, ingest pipeline and
transform in Elasticsearch, and the dashboards in Kibana. With flags, it installs
the parts that they name.

It can be run again at any time: what is current is left alone, and what an
interruption left undone is completed. docs/elasticsearch.md describes the assets
and the privileges that setup needs.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var parts setup.Parts
			for _, p := range setupParts {
				if on, err := cmd.Flags().GetBool(p.flag); err == nil && on {
					parts |= p.part
				}
			}
			if parts == 0 {
				parts = setup.All
			}
			return runSetup(cmd, settings, parts)
		},
	}
	for _, p := range setupParts {
		cmd.Flags().Bool(p.flag, false, p.usage)
	}
	return cmd
}

func runSetup(cmd *cobra.Command, settings instance.Settings, parts setup.Parts) error {
	b, err := instance.NewInitializedBeat(settings)
	if err != nil {
		return err
	}
	cfg, err := config.SetupFrom(b.RawConfig)
	if err != nil {
		return err
	}
	// An interrupted setup is completed by the next one.
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	var es setup.Elasticsearch
	if parts != setup.Dashboards {
		connected, err := setup.Connect(ctx, b.Config.Output, settings.Name, b.Info.Logger)
		if err != nil {
			return err
		}
		defer connected.Close()
		es = connected
	}
	installer := setup.New(es, cfg,
		setup.WithLogger(b.Info.Logger),
		setup.WithReport(func(r setup.Report) { fmt.Fprintln(cmd.OutOrStdout(), r) }),
		setup.WithKibana(func() (setup.Kibana, error) {
			return setup.ConnectKibana(instance.InitKibanaConfig(b.Config), settings.Name, b.Info.Version)
		}),
	)
	if err := installer.Setup(ctx, parts); err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), "Setup is complete.")
	return nil
}
