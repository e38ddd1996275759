// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/cmd/instance"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/go-concert/timed"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/doctor"
	"github.com/threatqbeat/threatqbeat/module/threatq/setup"
)

// exitUnknown is the exit code of verify when it could not tell.
const exitUnknown = 2

type verifyOptions struct {
	input         string
	json          bool
	repair        bool
	retireForeign bool
	wait          time.Duration
	timeout       time.Duration
}

func newVerifyCmd(settings instance.Settings, install func(beat.Creator) beat.Creator) *cobra.Command {
	var opts verifyOptions
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Compare ThreatQ's data collections with the active indicators in Elasticsearch",
		Long: `Reads the identifiers, dates and statuses of all indicators in the data collection
of each input, and what the alias of the active indicators holds of the inputs'
namespaces. Prints both numbers and what differs: what is missing under the alias,
older, there though it has expired, or in none of the data collections.

It reads Elasticsearch with the settings of output.elasticsearch and needs read on
the alias. It may be used while threatqbeat runs: what differs is looked at once
more after --wait before it counts.

The exit code is 0 when both sides are equal, 1 when they differ, 2 when verify
could not tell.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			equal, err := runVerify(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr(), settings, install, opts)
			switch {
			case err != nil:
				return exitError{err, exitUnknown}
			case !equal:
				return errors.New("the active indicators in Elasticsearch differ from ThreatQ's data collections")
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.input, "input", "", "compare only the input with this id")
	flags.BoolVar(&opts.json, "json", false, "print one JSON object")
	flags.BoolVar(&opts.repair, "repair", false, "publish what is missing, older or expired, and wait until the alias agrees")
	flags.BoolVar(&opts.retireForeign, "retire-foreign", false, "retire what is in none of the data collections, and wait until the alias agrees")
	flags.DurationVar(&opts.wait, "wait", 2*time.Minute, "time before a difference is looked at once more: as long as a change may need to reach the alias")
	flags.DurationVar(&opts.timeout, "timeout", 10*time.Minute, "longest wait for the alias to agree after --repair or --retire-foreign")
	return cmd
}

func runVerify(ctx context.Context, out, warn io.Writer, settings instance.Settings, install func(beat.Creator) beat.Creator, opts verifyOptions) (equal bool, err error) {
	if opts.retireForeign && opts.input != "" {
		return false, errors.New("--retire-foreign needs all inputs, because what is foreign to one may be in the data collection of another: leave --input out")
	}
	l, err := load(settings)
	if err != nil {
		return false, err
	}
	if err := config.CheckOutput(l.all); err != nil {
		return false, err
	}
	verifier, inputs, err := newVerifier(l, settings, opts)
	if err != nil {
		return false, err
	}
	if name := l.output.Name(); name != "elasticsearch" {
		return false, fmt.Errorf("verify reads Elasticsearch with the settings of output.elasticsearch, and the output is %q: "+
			"name the cluster, for example with -E output.%s.enabled=false -E 'output.elasticsearch.hosts=[\"https://elasticsearch.example.com:9200\"]'", name, name)
	}
	es, err := setup.ConnectToLook(ctx, l.output, settings.Name, l.log)
	if err != nil {
		return false, err
	}
	defer es.Close()
	verifier.Elasticsearch = es
	defer verifier.Close()
	show := newReading(warn)
	verifier.Progress = show.update

	result, err := verifier.Verify(ctx)
	show.clear()
	if err != nil {
		return false, err
	}
	if (opts.repair || opts.retireForeign) && !result.Equal() {
		if result, err = repair(ctx, warn, verifier, inputs, result, l, settings, install, opts); err != nil {
			return false, err
		}
		show.clear()
	}
	if opts.json {
		err = writeJSON(out, result)
	} else {
		_, err = io.WriteString(out, result.Text())
	}
	if err != nil {
		return false, fmt.Errorf("writing the comparison: %w", err)
	}
	return result.Equal(), nil
}

// newVerifier returns the verifier for the inputs that are meant, and their
// configurations.
func newVerifier(l *loaded, settings instance.Settings, opts verifyOptions) (*doctor.Verifier, []*conf.C, error) {
	selected, others, err := selectInputs(l, opts.input)
	if err != nil {
		return nil, nil, err
	}
	sleep := func(ctx context.Context, d time.Duration) error { return timed.Wait(ctx, d) }
	v := &doctor.Verifier{Namespaces: namespacesOf(selected), Wait: opts.wait, Now: time.Now, Sleep: sleep}
	var raw []*conf.C
	for _, in := range selected {
		v.Targets = append(v.Targets, targetOf(l, settings, in))
		raw = append(raw, in.Raw())
	}
	v.Partial = slices.ContainsFunc(others, func(in *config.Input) bool {
		return slices.Contains(v.Namespaces, in.DataStream.Namespace)
	})
	return v, raw, nil
}

// repair publishes what the options ask for and compares again until both sides
// are equal or the time is up.
func repair(ctx context.Context, warn io.Writer, v *doctor.Verifier, inputs []*conf.C, found *doctor.Comparison, l *loaded,
	settings instance.Settings, install func(beat.Creator) beat.Creator, opts verifyOptions,
) (*doctor.Comparison, error) {
	published := 0
	err := publishAside(l, settings, install, inputs, func(ctx context.Context, publish func(int, beat.Event)) error {
		if opts.repair {
			n, err := v.Repair(ctx, found, publish)
			published += n
			if err != nil {
				return err
			}
		}
		if opts.retireForeign {
			published += v.RetireForeign(found, publish)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(warn, "Published %d events. Waiting until the alias agrees, %s at most.\n", published, opts.timeout)
	deadline := v.Now().Add(opts.timeout)
	v.Wait = min(v.Wait, 15*time.Second)
	for {
		result, err := v.Verify(ctx)
		if err != nil || result.Equal() || published == 0 || !v.Now().Before(deadline) {
			return result, err
		}
	}
}
