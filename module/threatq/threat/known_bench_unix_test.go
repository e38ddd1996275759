// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package threat

import (
	"context"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/monitoring"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/client"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// BenchmarkKnown tells how much more CPU a first collection takes because the known
// indicators are kept: it collects over HTTP to the discard output with and without,
// by turns, and counts the time that the process was on a CPU.
func BenchmarkKnown(b *testing.B) {
	const indicators = 50_000
	sim, err := simulator.New(simulator.Config{Indicators: indicators, Seed: 1, PageCacheBytes: 1 << 30})
	require.NoError(b, err)
	server, err := sim.Start("127.0.0.1:0")
	require.NoError(b, err)
	defer server.Close()
	cfg := config.DefaultInput()
	sim.Warm(cfg.PageSize, cfg.FieldsParam)
	cfg.URL, cfg.DataCollectionID = server.URL, sim.Config().DataCollectionID
	cfg.Auth.OAuth2.Client.ID, cfg.Auth.OAuth2.Client.Secret = sim.Config().ClientID, config.NewSecret(sim.Config().ClientSecret)
	log := logp.NewNopLogger()
	cl, err := client.New(cfg, log, client.Options{})
	require.NoError(b, err)
	defer cl.Close()
	require.NoError(b, cl.Token(context.Background()))
	store, err := registry.OpenKnown(b.TempDir(), 0o600, log)
	require.NoError(b, err)
	defer store.Close()

	collections := 0
	collect := func(keep bool) time.Duration {
		collections++
		out := &announcer{}
		var listener beat.EventListener
		if keep {
			known, _, err := store.Use(strconv.Itoa(collections), cfg.URL, cfg.DataCollectionID)
			require.NoError(b, err)
			out.session = known.Connect()
			listener = out.session
		}
		out.forward = connectDiscard(b, listener)
		r := &runner{
			pages: cl, mapper: testMapper(), publish: out.publish, flush: out.flush,
			metrics: newMetrics(monitoring.NewRegistry(), newTotals(nil), nil, followed(), log), log: log,
			followed: followed(), reporter: new(Reports).start("test", registry.State{}, nil),
		}
		runtime.GC()
		before := cpuTime(b)
		require.NoError(b, r.cycle(context.Background()))
		return cpuTime(b) - before
	}
	var without, with time.Duration
	for b.Loop() {
		without += collect(false)
		with += collect(true)
	}
	b.ReportMetric(float64(without.Nanoseconds())/float64(b.N*indicators), "ns/indicator-without")
	b.ReportMetric(float64(with.Nanoseconds())/float64(b.N*indicators), "ns/indicator-with")
	b.ReportMetric(100*float64(with-without)/float64(without), "%more")
	b.ReportMetric(0, "ns/op")
}

func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
