// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/cmd/instance"
	conf "github.com/elastic/elastic-agent-libs/config"

	"github.com/threatqbeat/threatqbeat/beater"
	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

const (
	demoIndicators = 10_000
	demoFile       = "threatqbeat-demo.ndjson"
)

type demoOptions struct {
	indicators int
	seed       uint64
	output     string
}

func newDemoCmd(settings instance.Settings) *cobra.Command {
	opts := demoOptions{indicators: demoIndicators, seed: 1, output: demoFile}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Collect from an embedded ThreatQ simulator into a local file",
		Long: `Starts a simulated ThreatQ appliance on a loopback port, collects its indicators
over HTTP and OAuth2 with the input that run uses, writes the events to an
NDJSON file and prints what was collected.

It needs no configuration, no server and no network.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.OutOrStdout(), settings, opts)
		},
	}
	cmd.Flags().IntVar(&opts.indicators, "indicators", opts.indicators, "number of indicators that the simulated appliance holds")
	cmd.Flags().Uint64Var(&opts.seed, "seed", opts.seed, "seed of the simulated indicators: the same seed gives the same ones")
	cmd.Flags().StringVarP(&opts.output, "output", "o", opts.output, "file that the events are written to; an existing one is replaced")
	return cmd
}

func runDemo(out io.Writer, settings instance.Settings, opts demoOptions) error {
	if opts.indicators < 1 {
		return fmt.Errorf("--indicators is %d: it must be 1 or more", opts.indicators)
	}
	target, err := filepath.Abs(opts.output)
	if err != nil {
		return fmt.Errorf("resolving the name of the output file %s: %w", opts.output, err)
	}

	simulated := simulator.DefaultConfig()
	simulated.Indicators, simulated.Seed = opts.indicators, opts.seed
	appliance, err := simulator.New(simulated)
	if err != nil {
		return err
	}
	server, err := appliance.Start("")
	if err != nil {
		return err
	}
	defer server.Close()

	// Beside the target, so that the finished file can be moved into place.
	work, err := os.MkdirTemp(filepath.Dir(target), ".threatqbeat-demo-")
	if err != nil {
		return fmt.Errorf("creating a working directory beside %s: %w", target, err)
	}
	defer os.RemoveAll(work)

	fmt.Fprintf(out, "A simulated ThreatQ appliance with %d indicators listens on %s.\n", opts.indicators, server.URL)
	configFile := filepath.Join(work, config.Name+".yml")
	if err := writeDemoConfig(configFile, server.URL, appliance.Config(), work); err != nil {
		return err
	}
	events, took, err := collectDemo(out, settings, appliance, configFile, work, opts)
	if err != nil {
		return err
	}
	if err := os.Rename(events, target); err != nil {
		return fmt.Errorf("moving the events to %s: %w", target, err)
	}

	sum, err := summariseFile(target, time.Now())
	if err != nil {
		return err
	}
	sum.print(out)
	fmt.Fprintf(out, "\n%d indicators in %.1f s, %.0f per second.\n", opts.indicators, took.Seconds(), float64(opts.indicators)/took.Seconds())
	if n := sum.differences(appliance.Expected()); n > 0 {
		return fmt.Errorf("the latest events in %s differ from what the appliance holds, in %d indicators", target, n)
	}
	fmt.Fprintf(out, "Then %d left the data collection and %d joined it, without being updated. One sweep later the file agrees with the appliance.\n",
		opts.changes(), opts.changes())
	fmt.Fprintf(out, "The events are in %s.\n", target)
	fmt.Fprintf(out, "Next: name your ThreatQ appliance in %s.yml, and see with `%s test input` what it sends.\n", config.Name, config.Name)
	return nil
}

// demoChanges is how many indicators leave the data collection at the end, and how
// many join it.
const demoChanges = 10

func (o demoOptions) changes() int { return min(demoChanges, o.indicators) }

// collectDemo runs the Beat until the output has acknowledged every indicator, and
// what a sweep has found. It returns the name of the file that they are in, and how
// long the collection took.
func collectDemo(out io.Writer, settings instance.Settings, appliance *simulator.Simulator, configFile, work string, opts demoOptions) (string, time.Duration, error) {
	// The Beat takes its file names from the command line's flags only. All of
	// them are set, so that the demo opens no files of an installed beat.
	if err := setFlags([][2]string{
		{"c", configFile}, {"path.home", work}, {"path.config", work},
		{"path.data", filepath.Join(work, "data")}, {"path.logs", filepath.Join(work, "logs")},
	}...); err != nil {
		return "", 0, err
	}

	bar := newProgress(out, opts.indicators)
	defer bar.finish()
	var took atomic.Int64
	var running atomic.Pointer[beat.Beater]
	start := time.Now()
	create := beater.New(beater.Options{OnAcknowledged: func(n int) {
		now := bar.add(n)
		if now-n < opts.indicators && now >= opts.indicators {
			took.Store(int64(time.Since(start)))
			// The cursor tells nothing of this.
			appliance.Leave(opts.changes())
			appliance.Join(opts.changes())
		}
		if now >= opts.indicators+2*opts.changes() {
			(*running.Load()).Stop()
		}
	}})
	err := instance.Run(settings, func(b *beat.Beat, section *conf.C) (beat.Beater, error) {
		bt, err := create(b, section)
		running.Store(&bt)
		return bt, err
	})
	if err != nil {
		return "", 0, fmt.Errorf("running the beat: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(work, "events*"))
	if err != nil || len(files) != 1 {
		return "", 0, errors.Join(err, fmt.Errorf("%d event files were written where one was expected; was the demo interrupted?", len(files)))
	}
	return files[0], time.Duration(took.Load()), nil
}

func writeDemoConfig(file, url string, appliance simulator.Config, work string) error {
	section := map[string]any{
		"threatqbeat.inputs": []any{map[string]any{
			"type":               config.InputType,
			"id":                 "demo",
			"url":                url,
			"data_collection_id": appliance.DataCollectionID,
			"interval":           "1s",
			"reconcile.interval": "1s",
			"auth.oauth2": map[string]any{
				"client.id":     appliance.ClientID,
				"client.secret": appliance.ClientSecret,
			},
		}},
		// One file, whatever its size: a rotated one would be a part only.
		"output.file": map[string]any{"path": work, "filename": "events", "rotate_every_kb": 64 << 20, "number_of_files": 2},
		// The last events should not wait for others.
		"queue.mem.flush.timeout": "100ms",
		"logging":                 map[string]any{"level": "warning", "to_stderr": true, "to_files": false, "metrics.enabled": false},
	}
	text, err := yaml.Marshal(section)
	if err == nil {
		// A $ in a generated value would be read as a reference to a variable.
		text = bytes.ReplaceAll(text, []byte("$"), []byte("$$"))
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("writing the demo's configuration: %w", err)
	}
	return nil
}
