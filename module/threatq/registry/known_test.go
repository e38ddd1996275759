// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
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
