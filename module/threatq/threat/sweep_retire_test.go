// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/module/threatq/health"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

func TestRetiringEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 0)
		event := w.run.mapper.Retired(registry.Indicator{ID: 7, IndicatorID: registry.Missing}, time.Now())
		flat := event.Fields.Flatten()
		assert.Equal(t, "Expiration set since ThreatQ's data collection no longer holds the indicator", flat["threatq.ioc_expiration_reason"])
		assert.EqualValues(t, 7, flat["threatq.id"])
		assert.NotContains(t, flat, "threatq.indicator_id")
		assert.Equal(t, "enrichment", flat["event.kind"])
		assert.Equal(t, "ti_threatq.threat", flat["data_stream.dataset"])
		assert.Equal(t, "default", flat["data_stream.namespace"])
		assert.Equal(t, time.Now().UTC(), event.Timestamp)
		assert.EqualValues(t, time.Now().UTC(), flat["threatq.ioc_expired_at"])
	})
}

func TestTooManyAreHeldBackUntilSomebodyAgrees(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 200)
		require.NoError(t, w.run.cycle(t.Context()))
		left := w.sim.Leave(50)
		require.ErrorIs(t, w.sweep(), errInVain)
		assert.Empty(t, w.retired)
		assert.Equal(t, 50, w.sweeper.state.HeldBack)
		assert.Equal(t, 200, w.sweeper.state.HeldBackOf)
		last := w.health[len(w.health)-1]
		assert.Equal(t, health.Degraded, last.State)
		assert.Equal(t, health.Sweep, last.Source)
		assert.Contains(t, last.Reason, "50 of 200 known indicators")
		require.NoError(t, w.run.cycle(t.Context()))
		assert.Equal(t, last, w.health[len(w.health)-1], "a cycle does not hide it")

		// It goes on so after a restart.
		w.kill(rand.New(rand.NewPCG(1, 1)))
		assert.Equal(t, last, w.health[len(w.health)-1])

		// The collection is back, but for some.
		require.NoError(t, w.sim.Rejoin(left[:15]...))
		require.NoError(t, w.sweep())
		assert.NotEqual(t, health.Degraded, w.health[len(w.health)-1].State)
		assert.Len(t, w.retired, 35)
		require.Empty(t, w.differences())

		// Somebody agrees, and some more leave meanwhile.
		w.sim.Leave(60)
		require.ErrorIs(t, w.sweep(), errInVain)
		files := registry.Files{Root: w.root}
		_, err := files.Accept("another", time.Now())
		require.EqualError(t, err, `no sweep of input "another" was held back: there is nothing to agree to; held back are those of: "one"`)
		held, err := files.Accept("one", time.Now())
		require.NoError(t, err)
		require.Equal(t, 60, held.HeldBack)
		w.sim.Leave(5)
		require.NoError(t, w.run.cycle(t.Context()))
		w.sweeper.cycled(nil)
		assert.LessOrEqual(t, w.sweeper.wait(time.Now()), time.Duration(0), "it comes at once")
		require.NoError(t, w.sweep())
		assert.Len(t, w.retired, 100)
		assert.Empty(t, w.differences())

		// Once.
		w.sim.Leave(60)
		require.ErrorIs(t, w.sweep(), errInVain)
		assert.Len(t, w.retired, 100)
	})
}

func TestAnEmptyCollectionCountsTheSecondTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 8)
		require.NoError(t, w.run.cycle(t.Context()))
		w.sim.Leave(8)
		require.ErrorIs(t, w.sweep(), errInVain)
		assert.Empty(t, w.retired)
		require.NoError(t, w.sweep())
		assert.Len(t, w.retired, 8)
	})
}

// What comes back with an update while a sweep goes on is in the collection, though
// the sweep did not see it.
func TestWhatComesBackDuringASweepIsNotRetired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 100)
		require.NoError(t, w.run.cycle(t.Context()))
		left := w.sim.Leave(6)
		back := func(ids ...int64) {
			require.NoError(t, w.sim.Rejoin(ids...))
			require.NoError(t, w.sim.Update(ids...))
			require.NoError(t, w.run.cycle(t.Context()))
		}
		w.sweeper.schedule.ask()
		w.sweeper.ready = true
		for w.brief < 6 { // all pages
			w.sweeper.turn(t.Context())
		}
		back(left[:2]...)
		w.sweeper.turn(t.Context())
		require.Len(t, w.sweeper.current.absent, 4, "decided on, and none is retired yet")
		require.Empty(t, w.retired)
		back(left[2:4]...)
		for w.sweeper.current != nil {
			w.sweeper.turn(t.Context())
		}
		assert.Len(t, w.retired, 2)
		assert.Empty(t, w.differences())
	})
}

// What another input's collection holds is not retired, whichever sweeps first, and
// is once no collection holds it.
func TestOverlappingCollections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 50)
		require.NoError(t, w.run.cycle(t.Context()))
		other, release, err := w.store.Use("other", w.cfg.URL, "beef")
		require.NoError(t, err)
		left := w.sim.Leave(4)
		learn := func(ids ...int64) {
			session := other.Connect()
			for _, id := range ids {
				_ = w.sim.Rejoin(id)
				session.Announce([]registry.Entry{{Indicator: w.indicator(id), Version: 7}})
				require.NoError(t, session.Publish(func() error {
					session.AddEvent(w.run.mapper.Retired(w.indicator(id), time.Now()), true)
					return nil
				}))
				session.ACKEvents(1)
				require.NoError(t, w.sim.Remove(id))
			}
		}
		learn(left[0], left[1])
		require.NoError(t, w.sweep())
		assert.Len(t, w.retired, 2)
		assert.Equal(t, 46, w.sweeper.in.known.Snapshot().Len(), "what the other input has to retire is not known here")

		// The other input does not run: what it knew may come back with it.
		left = w.sim.Leave(1)
		learn(left[0])
		release()
		require.NoError(t, w.sweep())
		assert.Len(t, w.retired, 2)
		assert.Equal(t, 46, w.sweeper.in.known.Snapshot().Len(), "nobody else would retire it")
	})
}
