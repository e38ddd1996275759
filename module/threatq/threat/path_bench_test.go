// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/outputs"
	_ "github.com/elastic/beats/v7/libbeat/outputs/discard"
	"github.com/elastic/beats/v7/libbeat/publisher/pipeline"
	"github.com/elastic/beats/v7/libbeat/publisher/processing"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/mapstr"
	"github.com/elastic/elastic-agent-libs/monitoring"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/client"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// BenchmarkPath collects a whole data collection over HTTP, again and again. Its
// figures are those of one indicator, and include what the appliance spends on
// sending its ready-made pages, and the share of the requests.
//
// "drop" ends where Libbeat's pipeline begins; "publish" goes through Libbeat's
// queue to the discard output, with the fields that Libbeat adds by default. "all members"
// asks for whole attributes instead of their names and values; the figure
// page-B/indicator says what the pages are smaller without.
func BenchmarkPath(b *testing.B) {
	const indicators = 20_000
	sim, err := simulator.New(simulator.Config{Indicators: indicators, Seed: 1, PageCacheBytes: 1 << 30})
	require.NoError(b, err)
	server, err := sim.Start("127.0.0.1:0")
	require.NoError(b, err)
	defer server.Close()

	cfg := config.DefaultInput()
	named := cfg.FieldsParam
	namedBytes := sim.Warm(cfg.PageSize, named)
	const all = "*,sources,attributes"
	allBytes := sim.Warm(cfg.PageSize, all)
	bytes := map[string]int64{named: namedBytes, all: allBytes}
	cfg.URL, cfg.DataCollectionID = server.URL, sim.Config().DataCollectionID
	cfg.Auth.OAuth2.Client.ID, cfg.Auth.OAuth2.Client.Secret = sim.Config().ClientID, config.NewSecret(sim.Config().ClientSecret)
	log := logp.NewNopLogger()

	collect := func(b *testing.B, fields string, publish publishFunc) {
		cfg := cfg
		cfg.FieldsParam = fields
		cl, err := client.New(cfg, log, client.Options{})
		require.NoError(b, err)
		defer cl.Close()
		require.NoError(b, cl.Token(context.Background()))
		r := &runner{
			pages:   cl,
			mapper:  testMapper(),
			publish: publish,
			flush:   func() error { return nil },
			metrics: newMetrics(monitoring.NewRegistry(), newTotals(nil), nil, followed(), log),
			log:     log,

			followed: followed(),
			reporter: new(Reports).start("test", registry.State{}, nil),
		}
		var before, after runtime.MemStats
		collected := 0
		runtime.ReadMemStats(&before)
		for b.Loop() {
			r.state = registry.State{}
			require.NoError(b, r.cycle(context.Background()))
			collected += int(r.state.Collected)
		}
		runtime.ReadMemStats(&after)
		require.Equal(b, b.N*indicators, collected)
		each := float64(collected)
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/each, "ns/indicator")
		b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/each, "B/indicator")
		b.ReportMetric(float64(after.Mallocs-before.Mallocs)/each, "allocs/indicator")
		b.ReportMetric(float64(bytes[fields])/indicators, "page-B/indicator")
		b.ReportMetric(0, "ns/op") // a whole collection is no operation
	}

	b.Run("drop", func(b *testing.B) {
		collect(b, named, func(beat.Event, any) error { return nil })
	})
	b.Run("drop, all members", func(b *testing.B) {
		collect(b, all, func(beat.Event, any) error { return nil })
	})
	b.Run("publish", func(b *testing.B) {
		collect(b, named, connectDiscard(b, nil))
	})
}

// connectDiscard returns a function that publishes to the discard output as the
// beater does.
func connectDiscard(b *testing.B, listener beat.EventListener) publishFunc {
	log := logp.NewNopLogger()
	info := beat.Info{Beat: "threatqbeat", Name: "bench", Version: "0.0.0", Logger: log}
	support, err := processing.MakeDefaultBeatSupport(true)(info, log, conf.NewConfig())
	require.NoError(b, err)
	pipe, err := pipeline.Load(info, pipeline.Monitors{Logger: log}, pipeline.Config{}, support,
		func(stats outputs.Observer) (string, outputs.Group, error) {
			group, err := outputs.Load(nil, info, stats, "discard", conf.NewConfig())
			return "discard", group, err
		})
	require.NoError(b, err)
	b.Cleanup(func() { _ = pipe.Close() })

	normalize := false
	conn, err := pipe.ConnectWith(beat.ClientConfig{
		PublishMode:   beat.GuaranteedSend,
		EventListener: listener,
		Processing: beat.ProcessingConfig{
			EventNormalization: &normalize,
			EventMetadata:      mapstr.EventMetadata{Tags: []string{"forwarded", "threatq-threat"}},
			Fields:             mapstr.M{"input": mapstr.M{"type": config.InputType}},
		},
	})
	require.NoError(b, err)
	b.Cleanup(func() { _ = conn.Close() })
	return func(event beat.Event, _ any) error {
		conn.Publish(event)
		return nil
	}
}
