// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/elastic/beats/v7/libbeat/cmd/instance"

	"github.com/threatqbeat/threatqbeat/module/threatq/doctor"
)

type testInputOptions struct {
	input    string
	json     bool
	original bool
}

func newTestInputCmd(settings instance.Settings) *cobra.Command {
	var opts testInputOptions
	cmd := &cobra.Command{
		Use:   "input",
		Short: "Test the way to ThreatQ, step by step",
		Long: `Takes the way to ThreatQ for each configured input: resolves the host's name,
connects, checks TLS, gets a token, reads one page, and maps its indicators to ECS.
Prints each step with its verdict, and what to do about the first that fails.

It publishes nothing and leaves the saved cursors alone, and may be used while
threatqbeat runs. The exit code is 0 when everything passed for every input.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return testInputs(cmd.Context(), cmd.OutOrStdout(), settings, opts)
		},
	}
	cmd.Flags().StringVar(&opts.input, "input", "", "test only the input with this id")
	cmd.Flags().BoolVar(&opts.json, "json", false, "print one JSON object per input and line")
	cmd.Flags().BoolVar(&opts.original, "original", false, "show the indicator as received, too (event.original)")
	return cmd
}

func testInputs(ctx context.Context, out io.Writer, settings instance.Settings, opts testInputOptions) error {
	l, err := load(settings)
	if err != nil {
		return err
	}
	inputs, _, err := selectInputs(l, opts.input)
	if err != nil {
		return err
	}
	var failed []string
	for i, in := range inputs {
		target := targetOf(l, settings, in)
		target.Original = opts.original
		report, err := doctor.Examine(ctx, target)
		if err != nil {
			return err
		}
		if !report.Passed {
			failed = append(failed, fmt.Sprintf("%q", in.ID))
		}
		switch {
		case opts.json:
			err = writeJSON(out, report)
		case i > 0:
			_, err = io.WriteString(out, "\n"+report.Text())
		default:
			_, err = io.WriteString(out, report.Text())
		}
		if err != nil {
			return fmt.Errorf("writing the report on input %q: %w", in.ID, err)
		}
	}
	switch {
	case len(failed) == 1 && len(inputs) == 1:
		return fmt.Errorf("input %s failed", failed[0])
	case len(failed) > 0:
		return fmt.Errorf("%d of %d inputs failed: %s", len(failed), len(inputs), strings.Join(failed, ", "))
	}
	return nil
}
