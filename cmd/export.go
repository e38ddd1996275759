// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/threatqbeat/threatqbeat/module/threatq/setup"
)

// addExports gives Libbeat's export command our assets in place of Libbeat's
// own, of which it keeps config.
func addExports(export *cobra.Command) {
	export.Short = "Print the configuration or an asset"
	keep := func(c *cobra.Command) bool { return c.Name() == "config" }
	export.RemoveCommand(slices.DeleteFunc(slices.Clone(export.Commands()), keep)...)
	for _, asset := range setup.Exports() {
		export.AddCommand(newExportCmd(asset))
	}
}

func newExportCmd(asset setup.Export) *cobra.Command {
	var opts setup.ExportOptions
	dir := ""
	cmd := &cobra.Command{
		Use:   asset.Name,
		Short: asset.Short,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := asset.Text(opts)
			if err != nil {
				return err
			}
			if dir == "" {
				_, err = cmd.OutOrStdout().Write(text)
				return err
			}
			extension := ".json"
			if asset.Request == "" {
				extension = ".ndjson"
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("creating the directory for %s: %w", asset.Name, err)
			}
			file := filepath.Join(dir, asset.Name+extension)
			if err := os.WriteFile(file, text, 0o644); err != nil {
				return fmt.Errorf("writing %s: %w", asset.Name, err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "Written to %s.\n", file)
			return err
		},
	}
	if asset.Request != "" {
		cmd.Long = fmt.Sprintf("%s. To install it by hand, send what is printed with\n\n  %s", asset.Short, asset.Request)
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.Version, "es.version", "", "Elasticsearch's version, such as 8.17.0; the newest when left out")
	flags.BoolVar(&opts.Serverless, "serverless", false, "print what an Elasticsearch Serverless project gets")
	flags.StringVar(&dir, "dir", "", "directory to write a file to, instead of standard output; created when missing")
	if asset.Name == "transform" {
		flags.DurationVar(&opts.Config.Transforms.Frequency, "frequency", 0, "time between two looks at new events")
		flags.DurationVar(&opts.Config.Transforms.SyncDelay, "sync-delay", 0, "how long after its arrival an event is surely searchable")
	}
	return cmd
}
