// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

// someIndicators are as those of appliances, and stranger ones.
func someIndicators(random *rand.Rand, n int) []Indicator {
	extremes := []int64{math.MinInt64 + 1, -1, 0, 1, math.MaxInt64}
	list := make([]Indicator, n)
	for i := range list {
		id := random.Int64N(int64(4 * n))
		switch random.IntN(8) {
		case 0:
			list[i] = Indicator{Missing, id}
		case 1:
			list[i] = Indicator{id, id}
		case 2:
			list[i] = Indicator{id, id + 1000 + random.Int64N(5)}
		case 3:
			list[i] = Indicator{random.Int64(), random.Int64() - random.Int64()}
		case 4:
			list[i] = Indicator{extremes[random.IntN(5)], extremes[random.IntN(5)]}
		default:
			list[i] = Indicator{id, Missing}
		}
	}
	return list
}

func contentsOf(s *Set) map[Indicator]Version {
	all := map[Indicator]Version{}
	for _, entry := range s.All() {
		all[entry.Indicator] = entry.Version
	}
	return all
}

func TestSetHoldsWhatItWasGiven(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	set, want := &Set{}, map[Indicator]Version{}
	for round := range 40 {
		var changes []Entry
		for _, indicator := range someIndicators(random, 200) {
			version := Version(random.Uint32())
			if random.IntN(4) == 0 {
				version = Gone
			}
			changes = append(changes, Entry{indicator, version})
			if version == Gone {
				delete(want, indicator)
			} else {
				want[indicator] = version
			}
		}
		set = set.with(changes)
		require.Equal(t, want, contentsOf(set), "round %d", round)
		require.Equal(t, len(want), set.Len())

		read, err := readSet(set.data, set.count)
		require.NoError(t, err)
		require.Equal(t, set.blocks, read.blocks)
		require.Equal(t, set.latest, read.latest)
		require.Equal(t, slices.Max(slices.Collect(maps.Values(want))), set.latest)
	}
	place := 0
	for at, entry := range set.All() {
		require.Equal(t, place, at)
		found, version, ok := set.Find(entry.Indicator)
		require.True(t, ok)
		require.Equal(t, place, found)
		require.Equal(t, want[entry.Indicator], version)
		require.Equal(t, version, entry.Version)
		place++
	}
	for _, indicator := range someIndicators(random, 10_000) {
		_, version, ok := set.Find(indicator)
		wanted, known := want[indicator]
		require.Equal(t, known, ok, indicator)
		require.Equal(t, wanted, version)
	}
}

func TestVersionOf(t *testing.T) {
	at := func(text string) time.Time {
		date, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		return date
	}
	assert.Equal(t, Undated, VersionOf(time.Time{}))
	ordered := []string{"1969-12-31T23:59:59Z", "1970-01-01T00:00:03Z", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "2105-01-01T00:00:00Z", "9999-01-01T00:00:00Z"}
	last := Undated
	for _, text := range ordered {
		version := VersionOf(at(text))
		assert.Greater(t, version, last, text)
		last = version
	}
	assert.Less(t, last, Gone)
}

func FuzzReadSet(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 100} {
		var changes []Entry
		for _, indicator := range someIndicators(random, n) {
			changes = append(changes, Entry{indicator, 5})
		}
		set := (&Set{}).with(changes)
		f.Add(set.data, set.count)
	}
	f.Fuzz(func(t *testing.T, data []byte, count int) {
		set, err := readSet(data, count)
		if err != nil || count < 0 {
			return
		}
		for place, entry := range set.All() {
			found, _, ok := set.Find(entry.Indicator)
			require.True(t, ok)
			require.Equal(t, place, found)
		}
	})
}

// A million indicators as an appliance numbers them, with gaps, and as one whose
// two ids have nothing to do with each other.
func millions() map[string][]Entry {
	const million = 1_000_000
	random := rand.New(rand.NewPCG(3, 4))
	kinds := map[string][]Entry{"id": nil, "indicator_id": nil, "both": nil, "both apart": nil, "40 bits each": nil}
	id := int64(1)
	for range million {
		id += 1 + random.Int64N(20)
		version := Version(1_700_000_000 + random.Uint32N(90*24*3600))
		add := func(kind string, i Indicator) { kinds[kind] = append(kinds[kind], Entry{i, version}) }
		add("id", Indicator{id, Missing})
		add("indicator_id", Indicator{Missing, id})
		add("both", Indicator{id, id})
		add("both apart", Indicator{id, random.Int64N(20 * million)})
		add("40 bits each", Indicator{random.Int64N(1 << 40), random.Int64N(1 << 40)})
	}
	return kinds
}

func TestSetTakesSixteenBytesAtMost(t *testing.T) {
	beattest.SkipUnderRace(t, "measures memory")
	for kind, entries := range millions() {
		set := (&Set{}).with(entries)
		each := float64(cap(set.data)+cap(set.blocks)*24) / float64(set.Len())
		file := float64(len(set.data)) / float64(set.Len())
		t.Logf("%s: %.1f bytes each in memory, %.1f in the file.", kind, each, file)
		assert.LessOrEqual(t, each, 16.0, kind)
		assert.LessOrEqual(t, file, 16.0, kind)
	}
}

// The ids of an event are those that the mapper put there, also in the types in which
// the queue on disk gives them back.
func TestIndicatorOfAnEvent(t *testing.T) {
	for _, fields := range []mapstr.M{
		{"threatq": mapstr.M{"id": int64(7), "indicator_id": int64(-8)}},
		{"threatq": map[string]any{"id": uint8(7), "indicator_id": int64(-8)}},
		{"threatq": map[string]any{"id": uint64(7), "indicator_id": int8(-8)}},
	} {
		assert.Equal(t, Indicator{7, -8}, IndicatorOf(&beat.Event{Fields: fields}))
	}
	for _, fields := range []mapstr.M{nil, {"threatq": "x"}, {"threatq": mapstr.M{"id": "7"}}, {"threatq": map[string]any{"id": nil}}} {
		assert.Equal(t, Indicator{Missing, Missing}, IndicatorOf(&beat.Event{Fields: fields}))
	}
}
