// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
