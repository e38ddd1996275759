// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/client"
	"github.com/threatqbeat/threatqbeat/module/threatq/health"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

func allMayGo(_ *simulator.Config, cfg *config.Input) { _ = cfg.Reconcile.MaxRemoved.Unpack("100%") }

func TestSweepFindsWhatTheCursorDoesNotTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 500)
		require.NoError(t, w.run.cycle(t.Context()))
		require.Empty(t, w.differences())
		collected := w.events

		require.NoError(t, w.sweep())
		assert.Equal(t, collected, w.events, "nothing differs, so that nothing is published")
		assert.Equal(t, 26, w.brief)
		assert.Equal(t, 26, w.whole, "those of the cycle")

		left := w.sim.Leave(7)
		joined := w.sim.Join(5)
		require.NoError(t, w.sim.Rejoin(left[:2]...))
		require.NoError(t, w.run.cycle(t.Context()))
		require.Len(t, w.differences(), 5+len(joined)-w.alreadyExpired(left[2:]))
		require.NoError(t, w.sweep())
		assert.Empty(t, w.differences())
		assert.Len(t, w.retired, 5)
		assert.Equal(t, collected+5+5, w.events)
		assert.LessOrEqual(t, w.whole, 27+5, "one page whole for each difference at most")
		assert.Equal(t, 5, w.sweeper.state.Retired)
		assert.Equal(t, 5, w.sweeper.state.Missing)
		assert.Len(t, w.collection(), w.sweeper.state.Known)
		assert.EqualValues(t, 505, w.run.metrics.indicators.Get())
		assert.Equal(t, w.run.metrics.indicators.Get(), w.run.metrics.totals.indicators.Get())

		// What was retired and comes back as it was is published again.
		require.NoError(t, w.sim.Rejoin(left[2:]...))
		require.NoError(t, w.sweep())
		assert.Empty(t, w.differences())
		assert.Equal(t, collected+5+5+5, w.events)
		require.NoError(t, w.sweep())
		assert.Equal(t, collected+5+5+5, w.events, "and all is quiet then")
	})
}

// alreadyExpired counts those that nobody misses.
func (w *world) alreadyExpired(ids []int64) (n int) {
	for _, got := range w.arrived {
		for _, id := range ids {
			if a, ok := w.arrived[registry.Indicator{ID: id, IndicatorID: registry.Missing}]; ok && a == got && !got.expires.After(time.Now()) {
				n++
			}
		}
	}
	return n
}

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

// Whatever the appliance answers, nothing is retired that is in the collection, and
// the next sweep that it answers well puts everything right.
func TestSweepsThatDoNotCount(t *testing.T) {
	pages := func(n int, spoil func(page *client.Page) error) func(*client.Page, bool) (*client.Page, error) {
		return func(page *client.Page, brief bool) (*client.Page, error) {
			if brief {
				if n--; n < 0 {
					return page, spoil(page)
				}
			}
			return page, nil
		}
	}
	tests := map[string]struct {
		fault  func(page *client.Page, brief bool) (*client.Page, error)
		reason string
	}{
		"an error": {pages(3, func(*client.Page) error { return errors.New("the appliance is down") }), "the appliance is down"},
		"an end before the end": {pages(20, func(p *client.Page) error {
			p.NextCursorMark = p.Mark
			return nil
		}), "the pages held 420 indicators, and the appliance counts 495"},
		"an empty answer": {pages(0, func(p *client.Page) error {
			p.Indicators, p.NextCursorMark, p.Total = nil, p.Mark, 0
			return nil
		}), "the data collection is empty"},
		"an empty answer without a total": {pages(0, func(p *client.Page) error {
			p.Indicators, p.NextCursorMark, p.Total = nil, p.Mark, -1
			return nil
		}), "the data collection is empty"},
		"a shrunken answer whose total agrees": {pages(0, func(p *client.Page) error {
			p.NextCursorMark, p.Total = p.Mark, int64(len(p.Indicators))
			return nil
		}), "480 of 500 known indicators are not in the data collection any more, and reconcile.max_removed allows for 100: " +
			"none is retired until the collection is back or somebody agrees: threatqbeat cursor accept --input one"},
		"an index that is being rebuilt": {func() func(*client.Page, bool) (*client.Page, error) {
			total := int64(300)
			return pages(0, func(p *client.Page) error {
				total += 6
				p.Total = total
				return nil
			})
		}(), "the data collection's total changed by 150 during the sweep"},
		"a total that is too great": {pages(0, func(p *client.Page) error {
			p.Total++
			return nil
		}), "the pages held 495 indicators, and the appliance counts 496"},
		"a total that is too small": {pages(0, func(p *client.Page) error {
			p.Total = 3
			return nil
		}), "the pages held 20 indicators, and the appliance counts 3"},
		"a circle of cursors": {func() func(*client.Page, bool) (*client.Page, error) {
			var marks []string
			return pages(0, func(p *client.Page) error {
				if marks = append(marks, p.Mark); len(marks) > 5 && p.Mark == marks[5] {
					p.NextCursorMark = marks[1]
				}
				return nil
			})
		}(), "cursors in a circle"},
		"a circle of one": {pages(5, func(p *client.Page) error {
			p.NextCursorMark = "*"
			return nil
		}), "the pages held 120 indicators, and the appliance counts 495"},
		"pages that come again under new cursors": {func() func(*client.Page, bool) (*client.Page, error) {
			var first *client.Page
			return pages(0, func(p *client.Page) error {
				if first == nil {
					first = p
				}
				p.Indicators = first.Indicators
				return nil
			})
		}(), "cursors in a circle"},
		"a page without a next cursor and without a total": {pages(2, func(p *client.Page) error {
			p.NextCursorMark, p.Total = "", -1
			return nil
		}), "the pages held 60 indicators"},
		"no total at all, and no cursor": {pages(0, func(p *client.Page) error {
			p.NextCursorMark, p.Total = "", -1
			return nil
		}), "without a next cursor and without a total"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 500, func(sim *simulator.Config, _ *config.Input) { sim.Untidy = 0 })
				require.NoError(t, w.run.cycle(t.Context()))
				w.sim.Leave(10)
				w.sim.Join(5)
				w.fault = tt.fault
				require.ErrorIs(t, w.sweep(), errInVain)
				assert.Contains(t, w.sweeper.state.Error, tt.reason)
				assert.Empty(t, w.retired)
				w.fault = nil
				require.NoError(t, w.sweep())
				assert.Empty(t, w.differences())
				assert.Len(t, w.retired, 10)
				assert.Empty(t, w.sweeper.state.Error)
			})
		})
	}
}

// An appliance without totals, and one that ignores the parameter fields.
func TestSweepOfPlainAppliances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 100)
		require.NoError(t, w.run.cycle(t.Context()))
		w.sim.Leave(10)
		w.sim.Join(3)
		require.NoError(t, w.run.cycle(t.Context()))
		w.fault = func(page *client.Page, brief bool) (*client.Page, error) {
			page.Total = -1
			for i := range page.Indicators {
				if brief {
					page.Indicators[i] = append([]byte(`{"attributes":[{"name":"x","value":"y"}],"sources":null,`), page.Indicators[i][1:]...)
				}
			}
			return page, nil
		}
		require.NoError(t, w.sweep())
		assert.Empty(t, w.differences())
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

// A sweep waits for the acknowledgement of what was published before: what is under
// way is neither known nor missing.
func TestSweepWaitsForTheOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 100)
		w.acks = false
		require.NoError(t, w.run.cycle(t.Context()))
		w.sweeper.schedule.ask()
		w.sweeper.ready = true
		for range 50 {
			w.sweeper.turn(t.Context())
			time.Sleep(w.sweeper.wait(time.Now()))
		}
		assert.Zero(t, w.brief)
		w.acks = true
		w.ack(len(w.pending))
		require.NoError(t, w.sweep())
		assert.Zero(t, w.sweeper.state.Missing)
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

// An input that has collected without known indicators, or lost them, retires
// nothing, and knows all of the collection after one sweep.
func TestSweepLearnsWhatWasLost(t *testing.T) {
	damages := map[string]func(t *testing.T, dir string){
		"an upgrade": func(t *testing.T, dir string) { require.NoError(t, os.RemoveAll(dir)) },
		"a damaged base": func(t *testing.T, dir string) {
			names, err := filepath.Glob(filepath.Join(dir, "*.known"))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(names[0], []byte("garbage"), 0o600))
		},
		"a lost log": func(t *testing.T, dir string) {
			names, err := filepath.Glob(filepath.Join(dir, "*.log"))
			require.NoError(t, err)
			require.NoError(t, os.Remove(names[0]))
		},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 100)
				require.NoError(t, w.run.cycle(t.Context()))
				w.sim.Leave(5)
				damage(t, filepath.Join(w.root, "known"))
				w.kill(rand.New(rand.NewPCG(1, 1)))
				require.NoError(t, w.run.cycle(t.Context()))
				w.sweeper.cycled(nil)
				assert.Equal(t, firstBackoff, w.sweeper.wait(time.Now()), "soon")
				w.sim.Join(3)
				require.NoError(t, w.sweep())
				assert.Empty(t, w.retired)
				assert.Equal(t, 98, w.sweeper.state.Missing)
				assert.Equal(t, 98, w.sweeper.in.known.Snapshot().Len())
				w.sim.Leave(5)
				require.NoError(t, w.sweep())
				assert.Len(t, w.retired, 5)
			})
		})
	}
}

func TestRefusedDocumentsAreSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 30)
		w.acks = false
		require.NoError(t, w.run.cycle(t.Context()))
		refused := entryOf(w.pending[7].event).Indicator
		w.sweeper.in.known.Refuse(refused)
		w.ack(len(w.pending))
		delete(w.arrived, refused)
		require.Equal(t, []registry.Indicator{refused}, w.differences())
		w.sweeper.cycled(nil)
		assert.Equal(t, firstBackoff, w.sweeper.wait(time.Now()))

		// Refused again, it waits longer each time, up to the interval.
		for _, wait := range []time.Duration{2 * firstBackoff, 4 * firstBackoff} {
			w.acks = false
			before := w.events
			acknowledged := make(chan struct{})
			go func() { // between the publishing and the end of the sweep
				defer close(acknowledged)
				time.Sleep(settlePoll * 10)
				w.sweeper.in.known.Refuse(refused)
				w.ack(1)
			}()
			require.NoError(t, w.sweep())
			<-acknowledged
			require.Equal(t, before+1, w.events)
			w.sweeper.cycled(nil)
			assert.Equal(t, wait, w.sweeper.wait(time.Now()))
			delete(w.arrived, refused)
		}
		w.acks = true
		require.NoError(t, w.sweep())
		assert.Empty(t, w.differences())
		require.NoError(t, w.sweep())
		assert.Zero(t, w.sweeper.state.Missing)
	})
}

func TestSchedule(t *testing.T) {
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const interval = 24 * time.Hour
	s := newSchedule(interval, "one", day)
	first := s.wait(day)
	assert.Positive(t, first)
	assert.LessOrEqual(t, first, interval)
	assert.NotEqual(t, first, newSchedule(interval, "two", day).wait(day), "inputs don't sweep together")
	assert.Equal(t, first-time.Hour, newSchedule(interval, "one", day.Add(time.Hour)).wait(day.Add(time.Hour)), "a restart moves nothing")
	assert.Zero(t, s.wait(day.Add(first)))
	assert.Zero(t, s.wait(day.Add(first+7*interval)), "one that was missed is made up for")

	s.succeeded(day.Add(first+time.Hour), true)
	assert.Equal(t, interval-time.Hour, s.wait(day.Add(first+time.Hour)))
	now := day.Add(first + 2*time.Hour)
	for _, wait := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		s.failed(now)
		assert.Equal(t, wait*time.Minute, s.wait(now))
	}
	s.begin()
	s.succeeded(now, true)
	assert.LessOrEqual(t, s.wait(now.Add(-1000*interval)), interval, "the clock was set back")

	// What asks for a sweep while one goes on is not answered by that.
	asked := newSchedule(interval, "one", day)
	asked.refused(day)
	assert.Equal(t, firstBackoff, asked.wait(day))
	asked.begin()
	assert.True(t, asked.refused(day))
	asked.succeeded(day, false)
	assert.Equal(t, 2*firstBackoff, asked.wait(day))
	asked.begin()
	asked.succeeded(day, true)
	assert.Greater(t, asked.wait(day), 2*firstBackoff)

	short := newSchedule(time.Second, "one", day)
	short.failed(day)
	assert.Equal(t, time.Second, short.wait(day), "no longer than the interval")
}

// A sweep has its turns between the cycles, which keep their interval.
func TestSweepTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 500, func(_ *simulator.Config, cfg *config.Input) {
			cfg.Interval = 10 * time.Second
			cfg.Reconcile.Interval = time.Minute
		})
		const latency = 3 * time.Second
		var cycles []time.Time
		w.fault = func(page *client.Page, brief bool) (*client.Page, error) {
			if brief {
				time.Sleep(latency)
			} else if len(page.Indicators) == 0 {
				cycles = append(cycles, time.Now())
			}
			return page, nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		require.NoError(t, w.run.loop(ctx))
		for i := 1; i < len(cycles); i++ {
			assert.LessOrEqual(t, cycles[i].Sub(cycles[i-1]), w.cfg.Interval+latency)
		}
		assert.Greater(t, w.brief, 100)
		assert.Greater(t, len(cycles), 45)
	})
}

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
