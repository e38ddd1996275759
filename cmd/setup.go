// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"fmt"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/elastic/beats/v7/libbeat/cfgfile"
	"github.com/elastic/beats/v7/libbeat/cmd/instance"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/kibana"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/setup"
)

func newSetupCmd(settings instance.Settings) *cobra.Command {
	var parts setup.Parts
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
			if parts == (setup.Parts{}) {
				parts = setup.All
			}
			return runSetup(cmd, settings, parts)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&parts.IndexManagement, "index-management", false, "install the ILM policy, the index templates and the index of active indicators with its alias")
	flags.BoolVar(&parts.Pipelines, "pipelines", false, "install the ingest pipeline")
	flags.BoolVar(&parts.Transforms, "transforms", false, "install and start the transform that keeps the active indicators")
	flags.BoolVar(&parts.Dashboards, "dashboards", false, "install the data view and the dashboards in Kibana")
	return cmd
}

// forSetup takes from the configuration file the switches for what run installs. What -E
// says still counts.
func forSetup(file *conf.C) bool {
	remove(file, "setup.template.enabled", "setup.ilm.enabled", "setup.pipelines.enabled", "setup.transforms.enabled")
	return false // nothing to merge
}

func runSetup(cmd *cobra.Command, settings instance.Settings, parts setup.Parts) error {
	settings.ConfigOverrides = append(settings.ConfigOverrides, cfgfile.ConditionalOverride{Check: forSetup})
	if err := checkFile(settings); err != nil {
		return err
	}
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
	if parts != (setup.Parts{Dashboards: true}) {
		connected, err := setup.Connect(ctx, b.Config.Output, settings.Name, b.Info.Logger)
		if err != nil {
			return err
		}
		defer connected.Close()
		es = connected
	}
	connect := func() (*kibana.Client, error) {
		return setup.ConnectKibana(instance.InitKibanaConfig(b.Config), settings.Name, b.Info.Version)
	}
	installer := setup.New(es, connect, cfg, b.Info.Logger, func(r setup.Report) { fmt.Fprintln(cmd.OutOrStdout(), r) })
	if err := installer.Setup(ctx, parts); err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), "Setup is complete.")
	return nil
}
