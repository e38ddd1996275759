// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

func BenchmarkDecode(b *testing.B) {
	var d decoder
	for _, bm := range []struct {
		name   string
		decode func([]byte) error
	}{
		{"all", d.decode},
		{"skip", func(raw []byte) error {
			d.Scanner.Reset(raw)
			return d.Skip()
		}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			page := benchPage(b)
			require.NoError(b, bm.decode(page[0]))
			b.SetBytes(pageBytes(page))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := bm.decode(page[i%len(page)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// benchPage has the indicators that dev-tools/bench/json compares libraries with.
func benchPage(b *testing.B) [][]byte {
	appliance, err := simulator.New(simulator.Config{Indicators: 1000, Seed: 1})
	require.NoError(b, err)
	page := make([][]byte, appliance.Len())
	for i := range page {
		page[i] = appliance.Indicator(i)
	}
	return page
}

// pageBytes is the average size of a page's indicators.
func pageBytes(page [][]byte) int64 {
	return int64(len(bytes.Join(page, nil)) / len(page))
}

func BenchmarkEvent(b *testing.B) {
	for _, bm := range []struct {
		name     string
		preserve bool
	}{
		{"default", false},
		{"preserve_original", true},
	} {
		b.Run(bm.name, func(b *testing.B) {
			page := benchPage(b)
			m := NewMapper(MapperConfig{ExpirationDuration: 90 * 24 * time.Hour, ExpiredStatuses: []string{defaultExpiredStatus},
				PreserveOriginal: bm.preserve, Namespace: "default"})
			fetched := time.Now()
			b.SetBytes(pageBytes(page))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := m.Event(page[i%len(page)], fetched); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMap is what is left of BenchmarkEvent without the decoding.
func BenchmarkMap(b *testing.B) {
	for name, direct := range map[string]bool{"processors": false, "direct": true} {
		b.Run(name, func(b *testing.B) {
			m := NewMapper(MapperConfig{ExpirationDuration: 90 * 24 * time.Hour, ExpiredStatuses: []string{defaultExpiredStatus}, Namespace: "default", Bare: true})
			m.direct = direct
			page := benchPage(b)
			builders := make([]*builder, len(page))
			for i, raw := range page {
				builders[i] = m.newBuilder()
				require.NoError(b, builders[i].read(raw))
			}
			fetched := time.Now()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_, _ = builders[i%len(builders)].finish(nil, fetched, nil)
			}
		})
	}
}

func BenchmarkParseDate(b *testing.B) {
	text := []byte("2024-03-01 12:34:56")
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			parseDate(text)
		}
	})
	b.Run("time.Parse", func(b *testing.B) {
		for b.Loop() {
			if _, err := time.Parse(time.DateTime, string(text)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
