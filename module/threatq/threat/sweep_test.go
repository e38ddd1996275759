// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/client"
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
