// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/elastic/beats/v7/libbeat/cmd/instance"
	"github.com/elastic/beats/v7/libbeat/outputs"
	"github.com/elastic/elastic-agent-libs/testing"

	"github.com/threatqbeat/threatqbeat/beater"
	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/doctor"
	"github.com/threatqbeat/threatqbeat/module/threatq/setup"
)

func newTestOutputCmd(settings instance.Settings) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "output",
		Short: "Test the way to the output, step by step",
		Long: `Connects with the output as the settings say. For Elasticsearch it goes on to the
licence, the data streams of the configured inputs with their template and pipeline,
the transform, and the privileges for publishing; for Kafka to the topic; for a file
to its directory.

It publishes nothing, and may be used while threatqbeat runs. The exit code is 0 when
everything passed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			var show testing.Driver = testing.NewConsoleDriver(out)
			if asJSON {
				show = testing.NullDriver
			}
			report, err := testOutput(cmd.Context(), settings, show)
			if err != nil {
				return err
			}
			if asJSON {
				if err := writeJSON(out, report); err != nil {
					return fmt.Errorf("writing the report on the output: %w", err)
				}
			}
			if !report.Passed {
				return fmt.Errorf("output.%s failed", report.Output)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func writeJSON(out io.Writer, report any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(report)
}

func testOutput(ctx context.Context, settings instance.Settings, show testing.Driver) (*doctor.OutputReport, error) {
	l, err := load(settings)
	if err != nil {
		return nil, err
	}
	if err := config.CheckOutput(l.all); err != nil {
		return nil, err
	}
	b, err := instance.NewInitializedBeat(settings)
	if err != nil {
		return nil, fmt.Errorf("initializing the beat: %w", err)
	}
	output := b.Config.Output
	if !output.IsSet() {
		return nil, errors.New("no output is configured: name one, such as output.elasticsearch; see threatqbeat.reference.yml")
	}
	report := &doctor.OutputReport{Output: output.Name(), Passed: true}
	if output.Name() == "file" {
		file := struct {
			Path     string `config:"path"`
			Filename string `config:"filename"`
		}{Filename: settings.Name}
		if err := output.Config().Unpack(&file); err != nil {
			return nil, fmt.Errorf("reading the settings under output.file: %w", err)
		}
		report.Run(show, func(d testing.Driver) { doctor.ExamineFile(d, file.Path, file.Filename) })
		return report, nil
	}

	group, err := outputs.Load(b.IdxSupporter, b.Info, nil, output.Name(), output.Config())
	if err != nil {
		return nil, fmt.Errorf("initializing the output: %w", err)
	}
	for _, client := range group.Clients {
		switch client := client.(type) {
		case testing.Testable:
			report.Run(show, client.Test)
		case outputs.NetworkClient: // such as Redis
			report.Run(show, func(d testing.Driver) {
				d.Run(client.String(), func(d testing.Driver) {
					err := client.Connect(ctx)
					_ = client.Close()
					d.Error("connection and credentials", err)
				})
			})
		default:
			report.Run(show, func(d testing.Driver) { d.Info("output."+output.Name(), "there is nothing to test") })
		}
	}
	if output.Name() != "elasticsearch" || !report.Passed {
		return report, nil
	}
	es, err := setup.ConnectToLook(ctx, output, settings.Name, b.Info.Logger)
	if err != nil {
		return nil, err
	}
	defer es.Close()
	namespaces := []string{"default"}
	if selected, _, err := selectInputs(l, ""); err == nil {
		namespaces = namespacesOf(selected)
	} else if !errors.Is(err, beater.ErrNoInput) {
		return nil, err
	}
	report.Run(show, func(d testing.Driver) { doctor.ExamineElasticsearch(ctx, d, es, namespaces) })
	return report, nil
}
