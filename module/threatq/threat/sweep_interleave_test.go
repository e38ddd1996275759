// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/client"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// Any interleaving of updates, leaves, joins, faults, kills and sweeps ends, after one
// undisturbed sweep, with the active set equal to the collection's; and meanwhile
// nothing is retired that is in the collection.
func TestAnyInterleavingEndsEqual(t *testing.T) {
	rounds := uint64(25)
	if testing.Short() || beattest.RaceEnabled {
		rounds = 5
	}
	for seed := range rounds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { interleave(t, seed) })
		})
	}
}

func interleave(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t, random.IntN(150), allMayGo, func(sim *simulator.Config, cfg *config.Input) {
		sim.Seed = seed
		sim.Unreadable = 0.02
		cfg.PageSize = 1 + random.IntN(40)
	})
	faults := 0.0
	w.fault = func(page *client.Page, brief bool) (*client.Page, error) {
		if random.Float64() >= faults {
			return page, nil
		}
		switch random.IntN(5) {
		case 0:
			return nil, errors.New("the appliance is down")
		case 1:
			page.Truncated, page.NextCursorMark = true, ""
			page.Indicators = page.Indicators[:random.IntN(len(page.Indicators)+1)]
			return page, errors.New("cut")
		case 2:
			if brief && page.Total > 0 {
				page.NextCursorMark = page.Mark
			}
		case 3:
			page.Total += int64(random.IntN(3)) - 1
		case 4:
			page.NextCursorMark = "*"
		}
		return page, nil
	}
	var left []int64
	for range 150 {
		faults = float64(random.IntN(2)) * 0.1
		w.acks = random.IntN(2) == 0
		switch random.IntN(12) {
		case 0:
			w.sim.Touch(random.IntN(10))
		case 1:
			left = append(left, w.sim.Leave(random.IntN(6))...)
		case 2:
			n := random.IntN(len(left) + 1)
			require.NoError(t, w.sim.Rejoin(left[:n]...))
			for _, id := range left[:n] {
				w.back[w.indicator(id)] = true
			}
			left = left[n:]
		case 3:
			for _, id := range w.sim.Join(random.IntN(6)) {
				w.back[w.indicator(id)] = true
			}
		case 4:
			w.sim.Add(random.IntN(6))
		case 5:
			w.ack(random.IntN(len(w.pending) + 1))
		case 6:
			if random.IntN(3) == 0 {
				w.kill(random)
			}
		case 7, 8:
			w.sweeper.cycled(w.run.cycle(t.Context()))
			time.Sleep(time.Duration(random.IntN(100)) * time.Minute)
		default:
			for range random.IntN(8) {
				if w.sweeper.current == nil {
					clear(w.back)
				}
				before := len(w.retired)
				if w.sweeper.wait(time.Now()) <= 0 {
					w.sweeper.turn(t.Context())
				}
				time.Sleep(time.Second)
				if len(w.retired) == before {
					continue
				}
				held := w.collection()
				for _, indicator := range w.retired[before:] {
					_, in := held[indicator]
					require.False(t, in && !w.back[indicator] && w.acks, "%v was retired and is in the collection", indicator)
				}
			}
		}
	}

	faults, w.acks = 0, true
	w.ack(len(w.pending))
	require.NoError(t, w.run.cycle(t.Context()))
	if err := w.sweep(); err != nil {
		require.Contains(t, w.sweeper.state.Error, errEmpty.Error())
		require.NoError(t, w.sweep())
	}
	require.Empty(t, w.differences())
	require.NoError(t, w.sweep())
	require.Zero(t, w.sweeper.state.Missing+w.sweeper.state.Retired, "a second one has nothing to do")
}
