// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/logp"
)

const (
	testURL        = "https://threatq.example.com"
	testCollection = "0123456789abcdef"
)

func openStore(t testing.TB, root string) *KnownStore {
	t.Helper()
	s, err := OpenKnown(root, 0o600, logp.NewNopLogger())
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func use(t testing.TB, s *KnownStore, id string) *Known {
	t.Helper()
	k, _, err := s.Use(id, testURL, testCollection)
	require.NoError(t, err)
	return k
}

func only(id int64) Indicator { return Indicator{id, Missing} }

// publish publishes entries; the output has yet to acknowledge them.
func publish(t testing.TB, s *Session, entries ...Entry) {
	t.Helper()
	s.Announce(entries)
	for range entries {
		require.NoError(t, s.Publish(func() error {
			s.AddEvent(beat.Event{}, true)
			return nil
		}))
	}
}

// files copies the files of a store, as a SIGKILL at this moment would leave them.
func files(t testing.TB, root string) string {
	t.Helper()
	to := t.TempDir()
	require.NoError(t, os.CopyFS(to, os.DirFS(root)))
	return to
}

func TestKnownIsWhatWasAcknowledgedAndNotRefused(t *testing.T) {
	root := t.TempDir()
	store := openStore(t, root)
	k := use(t, store, "one")
	assert.True(t, k.Fresh)
	assert.Empty(t, k.Damage)
	s := k.Connect()

	publish(t, s, Entry{only(1), 10}, Entry{Indicator{Missing, Missing}, Undated}, Entry{only(2), 10}, Entry{only(3), 10})
	assert.Empty(t, contentsOf(k.Snapshot()), "nothing is acknowledged")
	k.Refuse(only(2))
	s.ACKEvents(3)
	assert.Equal(t, map[Indicator]Version{only(1): 10}, contentsOf(k.Snapshot()), "2 was refused, 3 is under way")
	assert.Equal(t, 1, k.Doubtful())
	assert.Zero(t, k.Doubtful())
	s.ACKEvents(1)

	// A version that was refused leaves the one before.
	publish(t, s, Entry{only(1), 11}, Entry{only(1), 12})
	k.Refuse(only(1))
	s.ACKEvents(2)
	publish(t, s, Entry{only(2), 13})
	s.ACKEvents(1)
	want := map[Indicator]Version{only(1): 10, only(2): 13, only(3): 10}
	assert.Equal(t, want, contentsOf(k.Snapshot()))

	// What is retired is not known any more, unless the output refuses that.
	publish(t, s, Entry{only(2), Gone}, Entry{only(3), Gone})
	k.Refuse(only(3))
	s.ACKEvents(2)
	delete(want, only(2))
	assert.Equal(t, want, contentsOf(k.Snapshot()))
	assert.Equal(t, Version(13), k.Latest())

	k = use(t, openStore(t, files(t, root)), "one")
	assert.False(t, k.Fresh)
	assert.Equal(t, want, contentsOf(k.Snapshot()))
}

// What a crash leaves in doubt counts as known in a version older than any, so
// that a sweep publishes it when the collection has it, and retires it when not.
func TestWhatWasUnderWayAtACrashIsUncertain(t *testing.T) {
	root := t.TempDir()
	k := use(t, openStore(t, root), "one")
	s := k.Connect()
	publish(t, s, Entry{only(1), 10}, Entry{only(2), 10})
	s.ACKEvents(2)
	publish(t, s, Entry{only(1), 11}, Entry{only(2), Gone}, Entry{only(3), 11})
	s.Announce([]Entry{{only(4), 12}})
	want := map[Indicator]Version{only(1): Uncertain, only(2): Uncertain, only(3): Uncertain, only(4): Uncertain}
	for range 2 { // also after a crash right at the start
		root = files(t, root)
		k = use(t, openStore(t, root), "one")
		assert.Equal(t, want, contentsOf(k.Snapshot()))
	}
}

func TestDroppedEventsHoldUpNothing(t *testing.T) {
	k := use(t, openStore(t, t.TempDir()), "one")
	s := k.Connect()
	s.Announce([]Entry{{only(1), 10}, {only(2), 10}, {only(3), 10}, {only(4), 10}})
	closed := fmt.Errorf("closed")
	for i, published := range []bool{false, true} {
		require.NoError(t, s.Publish(func() error {
			s.AddEvent(beat.Event{}, published)
			return nil
		}), i)
	}
	require.ErrorIs(t, s.Publish(func() error { return closed }), closed)
	s.Abandon()
	published, settled := s.Progress()
	assert.Equal(t, 4, published)
	assert.Equal(t, 1, settled, "the first was dropped by a processor")
	s.ACKEvents(1)
	_, settled = s.Progress()
	assert.Equal(t, 4, settled)
	assert.Equal(t, map[Indicator]Version{only(1): 10, only(2): 10}, contentsOf(k.Snapshot()),
		"a processor's verdict counts as delivered, the others never set out")
}

// An output with several workers may write a retirement behind the version that
// was published after it.
func TestRetirementThatIsOvertakenIsUncertain(t *testing.T) {
	root := t.TempDir()
	k := use(t, openStore(t, root), "one")
	s := k.Connect()
	publish(t, s, Entry{only(1), 10}, Entry{only(2), 10})
	s.ACKEvents(2)
	publish(t, s, Entry{only(1), Gone}, Entry{only(1), 11}, Entry{only(2), Gone})
	s.ACKEvents(1)
	publish(t, s, Entry{only(2), 12})
	s.ACKEvents(3)
	want := map[Indicator]Version{only(1): Uncertain, only(2): Uncertain}
	assert.Equal(t, want, contentsOf(k.Snapshot()))
	k = use(t, openStore(t, files(t, root)), "one")
	assert.Equal(t, want, contentsOf(k.Snapshot()))
}

// Nor does it always write the versions of an indicator in their order: a sweep
// publishes the last one again.
func TestVersionThatIsOvertakenIsUncertain(t *testing.T) {
	for name, tt := range map[string]struct {
		sent func(t *testing.T, k *Known, s *Session)
		want map[Indicator]Version
	}{
		"in one acknowledgement": {func(t *testing.T, _ *Known, s *Session) {
			publish(t, s, Entry{only(1), 10}, Entry{only(2), 10}, Entry{only(1), 11})
			s.ACKEvents(3)
		}, map[Indicator]Version{only(1): Uncertain, only(2): 10}},
		"in two": {func(t *testing.T, _ *Known, s *Session) {
			publish(t, s, Entry{only(1), 10}, Entry{only(2), 10})
			s.ACKEvents(1)
			publish(t, s, Entry{only(1), 11}, Entry{only(2), 11})
			s.ACKEvents(3)
		}, map[Indicator]Version{only(1): 11, only(2): Uncertain}},
		"of a client before": {func(t *testing.T, k *Known, s *Session) {
			publish(t, s, Entry{only(1), 10}, Entry{only(2), 10})
			next := k.Connect()
			publish(t, next, Entry{only(1), 11}, Entry{only(2), 11})
			next.ACKEvents(1)
			s.ACKEvents(2)
			next.ACKEvents(1)
		}, map[Indicator]Version{only(1): Uncertain, only(2): Uncertain}},
		"a retirement": {func(t *testing.T, _ *Known, s *Session) {
			publish(t, s, Entry{only(1), 10}, Entry{only(1), Gone})
			s.ACKEvents(2)
		}, map[Indicator]Version{only(1): Uncertain}},
		"by one that no processor let through": {func(t *testing.T, _ *Known, s *Session) {
			s.Announce([]Entry{{only(1), 10}})
			require.NoError(t, s.Publish(func() error {
				s.AddEvent(beat.Event{}, false)
				return nil
			}))
			publish(t, s, Entry{only(1), 11})
			s.ACKEvents(1)
		}, map[Indicator]Version{only(1): 11}},
		"without ids": {func(t *testing.T, _ *Known, s *Session) {
			unnamed := Entry{Indicator{Missing, Missing}, Undated}
			publish(t, s, unnamed, unnamed)
			s.ACKEvents(2)
		}, map[Indicator]Version{}},
		"among many": {func(t *testing.T, _ *Known, s *Session) {
			for id := range int64(20_000) {
				publish(t, s, Entry{only(id), 10})
				if id >= 5_000 {
					s.ACKEvents(1)
				}
			}
			publish(t, s, Entry{only(14_999), 11}, Entry{only(15_000), 11}, Entry{only(19_999), 11})
			s.ACKEvents(5_003)
			s.known.forget(slices.Collect(func(yield func(Indicator) bool) {
				for id := int64(0); id < 20_000 && (id == 14_999 || id == 15_000 || id == 19_999 || yield(only(id))); id++ {
				}
			}))
		}, map[Indicator]Version{only(14_999): 11, only(15_000): Uncertain, only(19_999): Uncertain}},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			k := use(t, openStore(t, root), "one")
			tt.sent(t, k, k.Connect())
			assert.Equal(t, tt.want, contentsOf(k.Snapshot()))
			k = use(t, openStore(t, files(t, root)), "one")
			assert.Equal(t, tt.want, contentsOf(k.Snapshot()))
		})
	}
}

// The same of an indicator that another input publishes while it is retired, wherever a
// crash comes after the output has acknowledged the retirement.
func TestRetirementThatAnotherInputOvertakesIsUncertain(t *testing.T) {
	for name, other := range map[string]struct {
		acked bool // before the retirement is
		want  map[Indicator]Version
	}{
		"known": {true, map[Indicator]Version{only(1): Uncertain, only(2): 10}},
		"sent":  {false, map[Indicator]Version{only(1): Uncertain, only(2): 10}},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			store := openStore(t, root)
			from, to := use(t, store, "from"), use(t, store, "to")
			retires, publishes := from.Connect(), to.Connect()
			publish(t, retires, Entry{only(1), 10}, Entry{only(2), 10})
			retires.ACKEvents(2)
			publish(t, retires, Entry{only(1), Gone})
			publish(t, publishes, Entry{only(1), 11}, Entry{only(2), 10})
			if other.acked {
				publishes.ACKEvents(2)
			}
			retires.ACKEvents(1)
			if !other.acked {
				publishes.ACKEvents(2)
			}
			assert.Equal(t, other.want, contentsOf(to.Snapshot()))
			assert.Equal(t, 1, to.Doubtful())
			assert.Zero(t, from.Doubtful())
			store = openStore(t, files(t, root))
			assert.Equal(t, other.want, contentsOf(use(t, store, "to").Snapshot()))
			assert.Equal(t, map[Indicator]Version{only(2): 10}, contentsOf(use(t, store, "from").Snapshot()))
		})
	}
}

// The same when the crash comes before: whether the output has written the retirement
// nobody knows.
func TestRetirementThatACrashLeavesInDoubtIsUncertainElsewhere(t *testing.T) {
	root := t.TempDir()
	store := openStore(t, root)
	retires, publishes := use(t, store, "from").Connect(), use(t, store, "to").Connect()
	publish(t, retires, Entry{only(1), 10}, Entry{only(2), 10})
	retires.ACKEvents(2)
	publish(t, retires, Entry{only(1), Gone})
	publish(t, publishes, Entry{only(1), 11}, Entry{only(2), 10})
	publishes.ACKEvents(2)

	store = openStore(t, files(t, root))
	from, to := use(t, store, "from"), use(t, store, "to")
	err := store.Settle(from, []Indicator{only(1), only(2)}, func(running, _ map[Indicator]bool) ([]Indicator, error) {
		return slices.Collect(maps.Keys(running)), nil
	})
	require.NoError(t, err)
	assert.Empty(t, contentsOf(from.Snapshot()))
	assert.Equal(t, map[Indicator]Version{only(1): Uncertain, only(2): 10}, contentsOf(to.Snapshot()))
	assert.Equal(t, 1, to.Doubtful())
}

func TestEachClientHasItsOwnAcknowledgements(t *testing.T) {
	root := t.TempDir()
	k := use(t, openStore(t, root), "one")
	before, after := k.Connect(), k.Connect()
	publish(t, before, Entry{only(1), 10})
	publish(t, after, Entry{only(2), 10})
	after.ACKEvents(1)
	assert.Equal(t, map[Indicator]Version{only(2): 10}, contentsOf(k.Snapshot()))
	k = use(t, openStore(t, files(t, root)), "one")
	assert.Equal(t, map[Indicator]Version{only(1): Uncertain, only(2): 10}, contentsOf(k.Snapshot()))
}

// Whatever happens and whenever it is killed, what it knows is what was
// acknowledged, and what was under way is uncertain.
func TestKnownSurvivesKills(t *testing.T) {
	for seed := range uint64(5) {
		random := rand.New(rand.NewPCG(seed, 0))
		root := t.TempDir()
		k := use(t, openStore(t, root), "one")
		s := k.Connect()
		want, way := map[Indicator]Version{}, []Entry(nil)
		apply := func(entry Entry) {
			if entry.Version == Gone {
				delete(want, entry.Indicator)
			} else {
				want[entry.Indicator] = entry.Version
			}
		}
		for step := range 300 {
			switch random.IntN(10) {
			case 0: // killed
				root = files(t, root)
				k = use(t, openStore(t, root), "one")
				s = k.Connect()
				require.Empty(t, k.Damage)
				for _, entry := range way {
					want[entry.Indicator] = Uncertain
				}
				way = nil
				require.Equal(t, want, contentsOf(k.Snapshot()), "seed %d, step %d", seed, step)
			case 1:
				k.mu.Lock()
				require.NoError(t, k.rewrite())
				k.mu.Unlock()
			case 2:
				k.forget([]Indicator{only(int64(step % 7))})
				apply(Entry{only(int64(step % 7)), Gone})
			case 3, 4, 5:
				n := random.IntN(len(way) + 1)
				s.ACKEvents(n)
				for _, entry := range way[:n] {
					apply(entry)
				}
				way = way[n:]
			default:
				entries := make([]Entry, random.IntN(100))
				for i, indicator := range someIndicators(random, len(entries)) {
					entries[i] = Entry{indicator, Version(2 + step)}
				}
				publish(t, s, entries...)
				for _, entry := range entries {
					for i := range way {
						if way[i].Indicator == entry.Indicator { // in any order
							way[i].Version, entry.Version = Uncertain, Uncertain
						}
					}
					way = append(way, entry)
				}
			}
			require.Equal(t, len(want), k.Snapshot().Len(), "seed %d, step %d", seed, step)
		}
	}
}

// A log that breaks off is that of a crash; what is damaged otherwise is put aside.
func TestKnownFilesThatAreCutOrDamaged(t *testing.T) {
	root := t.TempDir()
	k := use(t, openStore(t, root), "one")
	s := k.Connect()
	for i := range int64(4) {
		publish(t, s, Entry{only(i), 10}, Entry{only(i + 10), 10})
		s.ACKEvents(2)
	}
	log := filepath.Base(k.files.log(k.generation))
	base := filepath.Base(k.files.path(baseSuffix))
	change := func(name string, how func(raw []byte) []byte) *Known {
		copied := files(t, root)
		path := filepath.Join(copied, knownDir, name)
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, how(raw), 0o600))
		return use(t, openStore(t, copied), "one")
	}
	raw, err := os.ReadFile(filepath.Join(root, knownDir, log))
	require.NoError(t, err)
	last := 0
	for length := logHeader; length <= len(raw); length++ {
		k := change(log, func(raw []byte) []byte { return raw[:length] })
		require.Empty(t, k.Damage, length)
		require.GreaterOrEqual(t, k.Snapshot().Len(), last)
		last = k.Snapshot().Len()
		k = change(log, func(raw []byte) []byte { return append(raw[:length:length], make([]byte, 100)...) })
		require.Empty(t, k.Damage, "zeros are what a power loss leaves")
	}
	require.Equal(t, 8, last)

	requireDamaged := func(k *Known, at any) {
		require.NotEmpty(t, k.Damage, at)
		require.True(t, k.Fresh)
		require.Zero(t, k.Snapshot().Len(), "nothing is known, so that nothing is retired")
		// It goes on, and the next start finds nothing to complain of.
		publish(t, k.Connect(), Entry{only(1), 10})
		require.NoError(t, k.close())
		again, err := openKnown(k.files, logp.NewNopLogger())
		require.NoError(t, err)
		require.Empty(t, again.Damage)
	}
	cut := 0
	for _, name := range []string{base, log} {
		requireDamaged(change(name, func([]byte) []byte { return nil }), name)
		raw, err := os.ReadFile(filepath.Join(root, knownDir, name))
		require.NoError(t, err)
		for at := 0; at < len(raw); at += 3 {
			k := change(name, func(raw []byte) []byte {
				raw[at] ^= 0x40
				return raw
			})
			if k.Damage == "" { // as if it were cut there
				require.Equal(t, log, name)
				cut++
				continue
			}
			requireDamaged(k, at)
		}
		copied := files(t, root)
		require.NoError(t, os.Remove(filepath.Join(copied, knownDir, name)))
		requireDamaged(use(t, openStore(t, copied), "one"), "missing "+name)
	}
	assert.Less(t, cut, 40, "the last record, and lengths that reach beyond the end")
}

func TestKnownIsSavedOnceTheDiskTakesIt(t *testing.T) {
	root := t.TempDir()
	k := use(t, openStore(t, root), "one")
	now := time.Now()
	k.now = func() time.Time { return now }
	var reports []error
	k.OnSave(func(err error) { reports = append(reports, err) })
	s := k.Connect()
	publish(t, s, Entry{only(1), 10})
	assert.Equal(t, []error{nil}, reports)
	require.NoError(t, k.out.Close()) // each write fails from now on
	s.ACKEvents(1)
	require.Len(t, reports, 2)
	require.ErrorIs(t, reports[1], os.ErrClosed)
	k.OnSave(func(err error) { reports = append(reports, err) })
	require.Len(t, reports, 3)
	assert.ErrorIs(t, reports[2], os.ErrClosed, "who asks later hears of it")
	publish(t, s, Entry{only(2), 10}, Entry{only(3), 10})
	s.ACKEvents(1)
	want := map[Indicator]Version{only(1): 10, only(2): 10}
	assert.Equal(t, want, contentsOf(k.Snapshot()))
	assert.Equal(t, map[Indicator]Version{only(1): Uncertain}, contentsOf(use(t, openStore(t, files(t, root)), "one").Snapshot()))

	k.Repair() // too early
	require.Len(t, reports, 3)
	now = now.Add(rewriteRetry)
	k.Repair()
	require.Len(t, reports, 4)
	assert.NoError(t, reports[3])
	s.Announce([]Entry{{only(4), 10}})
	want[only(3)], want[only(4)] = Uncertain, Uncertain
	k = use(t, openStore(t, files(t, root)), "one")
	assert.Empty(t, k.Damage)
	assert.Equal(t, want, contentsOf(k.Snapshot()))
}

func TestElsewhere(t *testing.T) {
	root := t.TempDir()
	learn := func(s *KnownStore, id, collection string, ids ...int64) (*Known, func()) {
		k, release, err := s.Use(id, testURL, collection)
		require.NoError(t, err)
		session := k.Connect()
		for _, id := range ids {
			publish(t, session, Entry{only(id), 10})
			session.ACKEvents(1)
		}
		return k, release
	}
	store := openStore(t, root)
	learn(store, "stopped", "a", 1, 2)
	learn(store, "moved", "old", 3)
	require.NoError(t, store.Close())

	store = openStore(t, root)
	me, _ := learn(store, "me", "a", 1, 2, 3, 4, 5, 6)
	other, _ := learn(store, "other", "a", 2)
	publish(t, other.Connect(), Entry{only(5), 10}) // on its way
	learn(store, "moved", "new", 4)
	_, release := learn(store, "paused", "a", 6)
	release()
	running, stopped, err := store.elsewhere(me, []Indicator{only(1), only(2), only(3), only(4), only(5), only(6), only(7)})
	require.NoError(t, err)
	assert.Equal(t, map[Indicator]bool{only(2): true, only(4): true, only(5): true}, running)
	assert.Equal(t, map[Indicator]bool{only(1): true, only(2): true, only(6): true}, stopped)
}

func TestAbandonedKnownIndicatorsAreRemoved(t *testing.T) {
	root := t.TempDir()
	store := openStore(t, root)
	old, recent := use(t, store, "old"), use(t, store, "recent")
	for _, k := range []*Known{old, recent} {
		require.NoError(t, k.SaveState(SweepState{Known: 7}))
	}
	require.NoError(t, store.Close())
	past := time.Now().Add(-knownInactive - time.Hour)
	entries, err := os.ReadDir(filepath.Join(root, knownDir))
	require.NoError(t, err)
	for _, entry := range entries {
		name := filepath.Join(root, knownDir, entry.Name())
		if name != recent.files.path(stateSuffix) {
			require.NoError(t, os.Chtimes(name, past, past))
		}
	}
	store = openStore(t, root)
	assert.True(t, use(t, store, "old").Fresh)
	k := use(t, store, "recent")
	assert.False(t, k.Fresh)
	assert.Equal(t, 7, k.State().Known)
}

// FuzzReplay reads logs that anything may have become of.
func FuzzReplay(f *testing.F) {
	record := appendOpened(nil)
	record = appendSent(record, 1, []Entry{{only(1), 2}, {only(3), Gone}})
	record = appendAcked(record, 1, 2, []int{1})
	f.Add(appendChanged(record, []Entry{{Indicator{5, 6}, 7}}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var r replay
		if whole, err := r.run(raw); err == nil {
			var again replay
			n, err := again.run(raw[:whole])
			require.NoError(t, err)
			require.Equal(t, whole, n)
			require.Equal(t, len(r.changes), len(again.changes))
		}
	})
}

// A million are loaded in less than a second, from the base and from the log.
func BenchmarkLoadAMillion(b *testing.B) {
	entries := millions()["id"]
	for name, logged := range map[string]int{"base": 0, "base and log": fewLogged + len(entries)/rewriteShare} {
		b.Run(name, func(b *testing.B) {
			root := b.TempDir()
			store := openStore(b, root)
			k := use(b, store, "one")
			k.set = (&Set{}).with(entries)
			require.NoError(b, k.rewrite())
			s := k.Connect()
			for at := 0; at < logged; at += 64 {
				publish(b, s, entries[at:min(at+64, logged)]...)
				s.ACKEvents(min(64, logged-at))
			}
			require.NoError(b, store.Close())
			for b.Loop() {
				k, err := openKnown(k.files, logp.NewNopLogger())
				require.NoError(b, err)
				require.Len(b, entries, k.Snapshot().Len())
				require.NoError(b, k.close())
			}
			size := int64(0)
			for _, name := range []string{k.files.path(baseSuffix), k.files.log(k.generation)} {
				info, err := os.Stat(name)
				require.NoError(b, err)
				size += info.Size()
			}
			b.ReportMetric(float64(size)/float64(len(entries)), "B/indicator")
		})
	}
}
