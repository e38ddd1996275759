// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

func newSimulateCmd() *cobra.Command {
	config, address, faults := simulator.DefaultConfig(), "127.0.0.1:8000", ""
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Run a simulated ThreatQ appliance",
		Long: `Runs a simulated ThreatQ appliance in the foreground, until it is interrupted:
the token endpoint and a data collection of generated indicators, with updates
and faults as wanted. It prints the settings of an input that collects from it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runSimulate(cmd.Context(), cmd.OutOrStdout(), config, address, faults)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&address, "address", address, "address to listen on")
	flags.BoolVar(&config.AllowRemote, "allow-remote", false, "permit an --address that is not a loopback one")
	flags.IntVar(&config.Indicators, "indicators", config.Indicators, "number of indicators at the start")
	flags.Uint64Var(&config.Seed, "seed", config.Seed, "seed of the indicators: the same seed gives the same ones")
	flags.Float64Var(&config.UpdatesPerSecond, "updates", 0, "indicators updated per second")
	flags.Float64Var(&config.LeavesPerSecond, "leaves", 0, "indicators leaving the data collection per second, without being updated")
	flags.Float64Var(&config.JoinsPerSecond, "joins", 0, "indicators joining the data collection per second, without being updated")
	flags.Float64Var(&config.Untidy, "untidy", config.Untidy, "share of indicators with untidy values, 0 to 1")
	flags.Float64Var(&config.Unreadable, "unreadable", 0, "share of indicators that cannot be read, 0 to 1")
	flags.DurationVar(&config.Latency, "latency", 0, "wait before each answer to a data request")
	flags.DurationVar(&config.TokenTTL, "token-ttl", config.TokenTTL, "lifetime of a token")
	flags.StringVar(&config.DataCollectionID, "data-collection-id", config.DataCollectionID, "id of the data collection")
	flags.StringVar(&config.ClientID, "client-id", config.ClientID, "OAuth2 client id")
	flags.StringVar(&config.ClientSecret, "client-secret", config.ClientSecret, "OAuth2 client secret; it guards generated data only")
	flags.StringVar(&faults, "faults", "", "faults to answer with, such as 503*3,429:retry-after=2,reset@10")
	return cmd
}

func runSimulate(ctx context.Context, out io.Writer, config simulator.Config, address, faults string) error {
	appliance, err := simulator.New(config)
	if err != nil {
		return nameFlag(err)
	}
	if err := appliance.Inject(faults); err != nil {
		return fmt.Errorf("--faults: %w", nameFlag(err))
	}
	server, err := appliance.Start(address)
	if err != nil {
		return nameFlag(err)
	}
	defer server.Close()

	cfg := appliance.Config()
	fmt.Fprintf(out, `A simulated ThreatQ appliance with %d indicators listens on %s. Stop it with Ctrl-C.

threatqbeat.inputs:
  - type: threatq
    id: simulated
    url: %s
    auth.oauth2:
      client.id: %s
      client.secret: %s
    data_collection_id: %s
`, appliance.Len(), server.URL, server.URL, cfg.ClientID, cfg.ClientSecret, cfg.DataCollectionID)

	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
	stats := appliance.Stats()
	fmt.Fprintf(out, "\nServed %d indicators on %d pages, issued %d tokens.\n", stats.Indicators, stats.Pages, stats.Tokens)
	return nil
}

// nameFlag puts errors about settings of the simulator in terms of its flags.
func nameFlag(err error) error {
	flags := map[string]string{
		"Indicators": "indicators", "UpdatesPerSecond": "updates", "LeavesPerSecond": "leaves", "JoinsPerSecond": "joins",
		"Untidy": "untidy", "Unreadable": "unreadable", "Latency": "latency", "TokenTTL": "token-ttl",
		"DataCollectionID": "data-collection-id", "AllowRemote": "allow-remote",
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		var named []error
		for _, err := range several.Unwrap() {
			named = append(named, nameFlag(err))
		}
		return config.Join(named...)
	}
	var wrong *simulator.SettingError
	if errors.As(err, &wrong) && flags[wrong.Setting] != "" {
		return fmt.Errorf("--%s is %v: it must be %s", flags[wrong.Setting], wrong.Value, wrong.Want)
	}
	return err
}
