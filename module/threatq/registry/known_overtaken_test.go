// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"
)

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
