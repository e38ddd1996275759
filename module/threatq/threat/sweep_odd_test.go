// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/client"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

func tidyCollection(sim *simulator.Config, _ *config.Input) { sim.Untidy = 0 }

// An element whose ids can't be read may be any of those that seem to have left.
func TestUnreadableIdentifiersRetireNothing(t *testing.T) {
	faults := map[string]func(raw []byte) []byte{
		"without ids": func([]byte) []byte { return []byte(`{"updated_at":"2026-01-01 00:00:00"}`) },
		"ids as null": func([]byte) []byte { return []byte(`{"id":null,"indicator_id":null}`) },
		"a string":    func([]byte) []byte { return []byte(`"gone"`) },
		"one id more": func(raw []byte) []byte {
			return bytes.Replace(raw, []byte(`"id":`), []byte(`"indicator_id":5,"id":`), 1)
		},
		"another id": func(raw []byte) []byte { return bytes.Replace(raw, []byte(`"id":`), []byte(`"id":77777`), 1) },
		"an object":  func(raw []byte) []byte { return append(append([]byte(`{"id":`), raw...), '}') },
	}
	for name, spoil := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 100, tidyCollection)
				require.NoError(t, w.run.cycle(t.Context()))
				w.sim.Leave(3)
				w.fault = func(page *client.Page, brief bool) (*client.Page, error) {
					if brief {
						for i := range min(2, len(page.Indicators)) {
							page.Indicators[i] = spoil(page.Indicators[i])
						}
					}
					return page, nil
				}
				for range 4 {
					require.NoError(t, w.sweep())
					held := w.collection()
					for _, indicator := range w.retired {
						_, in := held[indicator]
						assert.False(t, in, "%v was retired and is in the collection", indicator)
					}
				}
				assert.Empty(t, w.differences())
				assert.Len(t, w.retired, 3)
			})
		})
	}
}

// The same, in more pages than are kept to look at them once more.
func TestUnreadableIdentifiersOfManyPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, maxAgain+100, tidyCollection, func(_ *simulator.Config, cfg *config.Input) { cfg.PageSize = 1 })
		require.NoError(t, w.run.cycle(t.Context()))
		w.sim.Leave(3)
		w.fault = func(page *client.Page, brief bool) (*client.Page, error) {
			for i := range page.Indicators {
				if brief {
					page.Indicators[i] = fmt.Appendf(nil, `{"x":%d}`, w.brief)
				}
			}
			return page, nil
		}
		require.NoError(t, w.sweep())
		assert.Empty(t, w.differences())
		assert.Len(t, w.retired, 3)
	})
}

// The latest of all was refused, or was retired and comes back, and a restart lies
// between: the cursor is behind it, so that only a sweep can bring it.
func TestLatestIsSweptToo(t *testing.T) {
	for _, restart := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 30, tidyCollection, allMayGo)
			w.acks = false
			require.NoError(t, w.run.cycle(t.Context()))
			refused := entryOf(w.pending[len(w.pending)-1].event).Indicator
			w.sweeper.in.known.Refuse(refused)
			w.ack(len(w.pending))
			delete(w.arrived, refused)
			w.acks = true
			if restart {
				w.kill(rand.New(rand.NewPCG(1, 1)))
			}
			require.NoError(t, w.run.cycle(t.Context()))
			require.NoError(t, w.sweep())
			assert.Empty(t, w.differences(), "refused, restart %v", restart)
		})
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 30, tidyCollection, allMayGo)
			require.NoError(t, w.run.cycle(t.Context()))
			last := w.sim.Touch(1)
			require.NoError(t, w.run.cycle(t.Context()))
			require.NoError(t, w.sim.Remove(last...))
			require.NoError(t, w.sweep())
			require.Len(t, w.retired, 1)
			if restart {
				w.kill(rand.New(rand.NewPCG(1, 1)))
			}
			require.NoError(t, w.sim.Rejoin(last...))
			require.NoError(t, w.run.cycle(t.Context()))
			require.NoError(t, w.sweep())
			assert.Empty(t, w.differences(), "rejoined, restart %v", restart)
		})
	}
}

// The same indicator twice in a page, in two versions: the later one counts.
func TestTwoVersionsOnAPage(t *testing.T) {
	for _, order := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 1, tidyCollection)
			old := w.sim.Indicator(0)
			w.sim.Touch(1)
			later := w.sim.Indicator(0)
			twice := func(page *client.Page, brief bool) (*client.Page, error) {
				if len(page.Indicators) == 1 {
					page.Indicators = [][]byte{old, later}
					if order {
						page.Indicators = [][]byte{later, old}
					}
					page.Total = 2
				}
				return page, nil
			}
			w.fault = twice
			require.NoError(t, w.sweep())
			want, err := w.run.mapper.Brief(later, time.Now())
			require.NoError(t, err)
			assert.Equal(t, want.Version, w.arrived[want.Indicator].version)
			before := w.events
			require.NoError(t, w.sweep())
			assert.Equal(t, before, w.events, "and all is quiet then")
		})
	}
}

// What asked for a sweep is not forgotten by a restart before it.
func TestARestartKeepsWhatWasAskedFor(t *testing.T) {
	soon := func(t *testing.T, w *world) {
		t.Helper()
		require.NoError(t, w.run.cycle(t.Context()))
		w.sweeper.cycled(nil)
		assert.LessOrEqual(t, w.sweeper.wait(time.Now()), 2*firstBackoff)
	}
	random := rand.New(rand.NewPCG(1, 1))
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 30)
		w.acks = false
		require.NoError(t, w.run.cycle(t.Context()))
		w.sweeper.in.known.Refuse(entryOf(w.pending[7].event).Indicator)
		w.ack(len(w.pending))
		w.acks = true
		w.sweeper.cycled(nil)
		w.kill(random)
		soon(t, w)
		require.NoError(t, w.sweep())
		w.kill(random)
		require.NoError(t, w.run.cycle(t.Context()))
		w.sweeper.cycled(nil)
		assert.Greater(t, w.sweeper.wait(time.Now()), 2*firstBackoff, "it has been made")
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 30)
		require.NoError(t, w.run.cycle(t.Context()))
		require.NoError(t, os.RemoveAll(filepath.Join(w.root, "known")))
		w.kill(random)
		soon(t, w)
		w.kill(random)
		soon(t, w)
	})
}

// An indicator moves from one collection to another, whose input publishes it while it
// is being retired: that input's next sweep publishes it once more.
func TestIndicatorMovesWhileItIsRetired(t *testing.T) {
	uncertain := func(t *testing.T, store *registry.KnownStore, i registry.Indicator) {
		t.Helper()
		other, _, err := store.Use("other", "https://threatq.example.com", "beef")
		require.NoError(t, err)
		_, version, known := other.Snapshot().Find(i)
		assert.True(t, known)
		assert.Equal(t, registry.Uncertain, version)
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 20, tidyCollection, allMayGo)
		require.NoError(t, w.run.cycle(t.Context()))
		id := w.sim.Leave(1)[0]
		left := registry.Indicator{ID: id, IndicatorID: registry.Missing}
		other, _, err := w.store.Use("other", w.cfg.URL, "beef")
		require.NoError(t, err)
		session := other.Connect()
		forward := w.sweeper.out.forward
		w.sweeper.out.forward = func(event beat.Event, update any) error {
			session.Announce([]registry.Entry{{Indicator: left, Version: 1000}})
			require.NoError(t, session.Publish(func() error {
				session.AddEvent(event, true)
				return nil
			}))
			session.ACKEvents(1)
			require.NoError(t, forward(event, update))
			// A crash before the sweep ends changes nothing about that.
			root := t.TempDir()
			require.NoError(t, os.CopyFS(root, os.DirFS(w.root)))
			crashed, err := registry.OpenKnown(root, 0o600, logp.NewNopLogger())
			require.NoError(t, err)
			defer func() { _ = crashed.Close() }()
			uncertain(t, crashed, left)
			return nil
		}
		require.NoError(t, w.sweep())
		require.Equal(t, []registry.Indicator{left}, w.retired)
		uncertain(t, w.store, left)
	})
}

// What an input knew that does not run any more is not retired, and doesn't hold
// back the rest.
func TestKnownElsewhereHoldsBackNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 100, tidyCollection)
		require.NoError(t, w.run.cycle(t.Context()))
		left := w.sim.Leave(50)
		other, release, err := w.store.Use("other", w.cfg.URL, "beef")
		require.NoError(t, err)
		session := other.Connect()
		for _, id := range left[:45] {
			_ = w.sim.Rejoin(id)
			session.Announce([]registry.Entry{{Indicator: w.indicator(id), Version: 7}})
			require.NoError(t, session.Publish(func() error {
				session.AddEvent(w.run.mapper.Retired(w.indicator(id), time.Now()), true)
				return nil
			}))
			session.ACKEvents(1)
			require.NoError(t, w.sim.Remove(id))
		}
		release()
		require.NoError(t, w.sweep())
		assert.Len(t, w.retired, 5)
	})
}

// Pages without an end.
func TestSweepWithoutEnd(t *testing.T) {
	full := func(n int, page *client.Page) {
		page.Indicators = nil
		for i := range 20 {
			page.Indicators = append(page.Indicators, fmt.Appendf(nil, `{"id":%d,"updated_at":"2026-01-01 00:00:00"}`, n*20+i))
		}
	}
	pages := map[string]func(n int, page *client.Page){
		"empty ones": func(n int, page *client.Page) { page.Indicators = nil },
		"full ones":  full,
		"full ones without a total": func(n int, page *client.Page) {
			full(n, page)
			page.Total = -1
		},
		"unreadable ones": func(n int, page *client.Page) { page.Indicators = [][]byte{fmt.Append(nil, n)} },
		"the same indicator in other words": func(n int, page *client.Page) {
			page.Indicators = [][]byte{fmt.Appendf(nil, `{"id":1,"updated_at":"2026-01-01 00:00:00","n":%d}`, n)}
		},
	}
	for name, spoil := range pages {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 100, tidyCollection)
				require.NoError(t, w.run.cycle(t.Context()))
				n := 0
				w.sweeper.surplus = 1000
				w.sweeper.pages = endless(func(mark string) *client.Page {
					if n++; n > 5000 {
						t.Fatal("no end")
					}
					page := &client.Page{Mark: mark, NextCursorMark: fmt.Sprint("mark", n), Total: 100}
					spoil(n, page)
					return page
				})
				require.ErrorIs(t, w.sweep(), errInVain)
				assert.Empty(t, w.retired)
			})
		})
	}
}

// endless answers without an appliance.
type endless func(mark string) *client.Page

func (e endless) Page(_ context.Context, mark string) (*client.Page, error) { return e(mark), nil }

func (e endless) PageOf(_ context.Context, mark, _ string) (*client.Page, error) { return e(mark), nil }
