// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/statestore/backend"
	"github.com/elastic/beats/v7/libbeat/statestore/backend/memlog"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/config"
)

var updated = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// entry is what the input-cursor manager writes.
type entry struct {
	TTL     time.Duration
	Updated time.Time
	Cursor  any
}

func key(id, url, collection string) string {
	return keyPrefix + id + "::" + SourceName(url, collection)
}

// writer opens a store as a beat does; every checkpoint-th byte of log brings a
// checkpoint.
func writer(t *testing.T, s Files, checkpoint uint64) backend.Store {
	t.Helper()
	registry, err := memlog.New(logp.NewNopLogger(), memlog.Settings{
		Root: s.Root, FileMode: 0o600,
		Checkpoint: func(size uint64) bool { return size >= checkpoint },
	})
	require.NoError(t, err)
	store, err := registry.Access(config.Name)
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func save(t *testing.T, store backend.Store, id, url, collection, mark string, collected int64) {
	t.Helper()
	require.NoError(t, store.Set(key(id, url, collection), entry{TTL: time.Hour, Updated: updated, Cursor: State{
		Mark: mark, Collected: collected, Updated: updated, URL: url, DataCollectionID: collection,
	}}))
}

// contents returns the files below a directory, with mode and time of change.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		text := info.Mode().String() + " " + info.ModTime().String()
		if !d.IsDir() {
			raw, err := os.ReadFile(path)
			require.NoError(t, err)
			text += " " + string(raw)
		}
		files[path] = text
		return nil
	}))
	return files
}

func TestReadReturnsWhatIsSavedAndChangesNothing(t *testing.T) {
	for title, checkpoint := range map[string]uint64{"log only": 1 << 30, "data file and log": 500} {
		t.Run(title, func(t *testing.T) {
			s := Files{Root: t.TempDir()}
			beat := writer(t, s, checkpoint)
			save(t, beat, "b", "https://threatq.example.com", "cafe", "AoJ==", 7)
			save(t, beat, "a", "https://[2001:db8::1]:8443/tq", "0123", "old", 1)
			require.NoError(t, beat.Set(key("a", "https://threatq.example.com", "beef"), entry{TTL: time.Hour, Updated: updated}))
			require.NoError(t, beat.Set("filestream::other::x", entry{TTL: time.Hour, Updated: updated}))
			save(t, beat, "gone", "https://threatq.example.com", "cafe", "x", 7)
			require.NoError(t, beat.Remove(key("gone", "https://threatq.example.com", "cafe")))
			save(t, beat, "a", "https://[2001:db8::1]:8443/tq", "0123", "new", 2)
			before := contents(t, s.Root)

			snapshot, err := s.Read() // with the writer still at it
			require.NoError(t, err)
			assert.Empty(t, snapshot.Problems)
			for i := range snapshot.Cursors {
				snapshot.Cursors[i].key = ""
			}
			assert.Equal(t, []Cursor{
				{InputID: "a", State: State{URL: "https://[2001:db8::1]:8443/tq", DataCollectionID: "0123", Mark: "new", Collected: 2, Updated: updated}},
				{InputID: "a", State: State{URL: "https://threatq.example.com", DataCollectionID: "beef"}},
				{InputID: "b", State: State{URL: "https://threatq.example.com", DataCollectionID: "cafe", Mark: "AoJ==", Collected: 7, Updated: updated}},
			}, snapshot.Cursors)
			assert.Equal(t, before, contents(t, s.Root))
		})
	}
}

func TestReadOfNothing(t *testing.T) {
	s := Files{Root: filepath.Join(t.TempDir(), "registry")}
	snapshot, err := s.Read()
	require.NoError(t, err)
	assert.Empty(t, snapshot.Cursors)
	assert.Empty(t, snapshot.Problems)
	assert.NoDirExists(t, s.Root)
}

// watchedFiles calls beforeLog before the log is opened.
type watchedFiles struct {
	fs.FS
	beforeLog func()
}

func (w watchedFiles) Open(name string) (fs.File, error) {
	if name == logFile {
		w.beforeLog()
	}
	return w.FS.Open(name)
}

func TestReadIsCompleteThoughTheStoreIsRewritten(t *testing.T) {
	s := Files{Root: t.TempDir()}
	beat := writer(t, s, 1)
	for _, id := range []string{"first", "second", "third"} {
		save(t, beat, id, "https://threatq.example.com", "1", "m", 1)
	}
	require.FileExists(t, filepath.Join(s.Home(), "2.json"), "two in the data file, the third in the log")

	// The checkpoint falls between the copy of the data file and that of the log,
	// which it empties: without a second attempt two would be missing.
	to := filepath.Join(t.TempDir(), config.Name)
	attempts := 0
	err := copyStore(watchedFiles{os.DirFS(s.Home()), func() {
		if attempts++; attempts == 1 {
			save(t, beat, "fourth", "https://threatq.example.com", "1", "m", 1)
		}
	}}, to)
	require.NoError(t, err)
	assert.Equal(t, 2, attempts)
	snapshot, err := Files{Root: filepath.Dir(to)}.Read()
	require.NoError(t, err)
	assert.Len(t, snapshot.Cursors, 4)

	err = copyStore(watchedFiles{os.DirFS(s.Home()), func() {
		save(t, beat, "third", "https://threatq.example.com", "1", "m", 1)
		save(t, beat, "fourth", "https://threatq.example.com", "1", "m", 1)
	}}, to)
	assert.ErrorContains(t, err, "changed during each of 10 attempts")
}

func TestReadWhatAKillHasLeft(t *testing.T) {
	s := Files{Root: t.TempDir()}
	save(t, writer(t, s, 1<<30), "a", "https://threatq.example.com", "1", "m", 5)
	log, err := os.OpenFile(filepath.Join(s.Home(), "log.json"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = log.WriteString(`{"op":"set","id":2}` + "\n" + `{"k":"threatq::a::htt`)
	require.NoError(t, err)
	require.NoError(t, log.Close())

	snapshot, err := s.Read()
	require.NoError(t, err)
	require.Len(t, snapshot.Cursors, 1)
	assert.EqualValues(t, 5, snapshot.Cursors[0].Collected)
}

func TestReadOfADamagedStoreSaysSo(t *testing.T) {
	s := Files{Root: t.TempDir()}
	save(t, writer(t, s, 1), "a", "https://threatq.example.com", "1", "m", 5)
	require.NoError(t, os.WriteFile(filepath.Join(s.Home(), "7.json"), []byte("[{"), 0o600))
	snapshot, err := s.Read()
	require.NoError(t, err)
	require.Len(t, snapshot.Problems, 1)
	assert.ErrorContains(t, snapshot.Problems[0], "is damaged")
	assert.FileExists(t, filepath.Join(s.Home(), "7.json"), "nothing was put aside")

	require.NoError(t, os.Remove(filepath.Join(s.Home(), "meta.json")))
	_, err = s.Read()
	assert.ErrorContains(t, err, "reading the registry of cursors in "+s.Home())
}

func TestReadOfAStrangeCursorKeepsTheOthers(t *testing.T) {
	s := Files{Root: t.TempDir()}
	beat := writer(t, s, 1<<30)
	save(t, beat, "a", "https://threatq.example.com", "1", "m", 5)
	require.NoError(t, beat.Set(key("b", "https://threatq.example.com", "1"), entry{Cursor: map[string]any{"collected": "many"}}))
	snapshot, err := s.Read()
	require.NoError(t, err)
	assert.Len(t, snapshot.Cursors, 2, "one that can't be read can be reset all the same")
	require.Len(t, snapshot.Problems, 1)
	assert.ErrorContains(t, snapshot.Problems[0], `reading the cursor of input "b"`)
}

func TestRemove(t *testing.T) {
	s := Files{Root: t.TempDir(), FileMode: 0o600}
	beat := writer(t, s, 1<<30)
	for _, id := range []string{"a", "b", "c"} {
		save(t, beat, id, "https://threatq.example.com", "1", "m", 5)
	}
	require.NoError(t, beat.Close())
	snapshot, err := s.Read()
	require.NoError(t, err)

	require.NoError(t, s.Remove(snapshot.Cursors[:2]))
	after, err := s.Read()
	require.NoError(t, err)
	assert.Equal(t, snapshot.Cursors[2:], after.Cursors)
	// And a beat sees it the same way.
	has, err := writer(t, s, 1<<30).Has(key("a", "https://threatq.example.com", "1"))
	require.NoError(t, err)
	assert.False(t, has)
}

func TestCursorAsJSON(t *testing.T) {
	text, err := json.Marshal([]Cursor{
		{InputID: "a", State: State{URL: "https://threatq.example.com", DataCollectionID: "1", Mark: "m", Collected: 5, Updated: updated}},
		{InputID: "b"},
	})
	require.NoError(t, err)
	assert.JSONEq(t, `[
		{"input_id": "a", "url": "https://threatq.example.com", "data_collection_id": "1", "mark": "m", "collected": 5, "updated": "2026-03-01T12:00:00Z"},
		{"input_id": "b", "url": "", "data_collection_id": "", "mark": "", "collected": 0}
	]`, string(text))
}
