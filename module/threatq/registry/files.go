// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/elastic/beats/v7/libbeat/statestore/backend"
	"github.com/elastic/beats/v7/libbeat/statestore/backend/memlog"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/config"
)

// Files is the registry of one beat on disk.
type Files struct {
	// Root is the directory of the registry.
	Root string
	// FileMode is the mode of the store's files; it matters to Remove only.
	FileMode os.FileMode
}

// Home is the directory that holds the store's files.
func (s Files) Home() string { return filepath.Join(s.Root, config.Name) }

// Exists reports whether a beat has ever saved something here.
func (s Files) Exists() (bool, error) {
	_, err := os.Stat(s.Home())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for the registry of cursors: %w", err)
	}
	return true, nil
}

// Snapshot is what the registry held at one moment.
type Snapshot struct {
	// Cursors are the saved cursors, by input, url and data collection.
	Cursors []Cursor
	// Problems say what could not be read. The other cursors are there all the
	// same, which is what a beat would make of the registry too.
	Problems []error
}

// Read reads the saved cursors and leaves the registry as it is. A registry that
// does not exist is an empty one.
func (s Files) Read() (_ *Snapshot, err error) {
	exists, err := s.Exists()
	if err != nil || !exists {
		return &Snapshot{}, err
	}
	sweeps, err := s.sweeps()
	if err != nil {
		return nil, fmt.Errorf("looking for what is kept of the sweeps: %w", err)
	}
	root, err := os.MkdirTemp("", "threatqbeat-registry-")
	if err != nil {
		return nil, fmt.Errorf("creating a directory for a copy of the registry: %w", err)
	}
	defer os.RemoveAll(root)
	defer func() {
		if err != nil {
			err = fmt.Errorf("reading the registry of cursors in %s: %w", s.Home(), err)
		}
	}()
	copied := Files{Root: root}
	if err := copyStore(os.DirFS(s.Home()), copied.Home()); err != nil {
		return nil, err
	}
	snapshot := &Snapshot{}
	err = withStore(copied, func(store backend.Store) error {
		return store.Each(func(key string, value backend.ValueDecoder) (bool, error) {
			cursor, ok, err := decode(key, value)
			if err != nil {
				snapshot.Problems = append(snapshot.Problems, err)
			}
			if ok {
				if sweep, kept := sweeps[key]; kept && (!sweep.Completed.IsZero() || sweep.Error != "") {
					cursor.Sweep = &sweep
				}
				snapshot.Cursors = append(snapshot.Cursors, cursor)
			}
			return true, nil
		})
	})
	if err != nil {
		return nil, err
	}
	// memlog puts a data file aside that it can't read, and goes on without.
	damaged, err := filepath.Glob(filepath.Join(copied.Home(), "*.corrupted"))
	if err != nil {
		return nil, err
	}
	if len(damaged) > 0 {
		snapshot.Problems = append(snapshot.Problems, fmt.Errorf("the registry in %s is damaged: cursors may be missing, and their data collections are collected from the start", s.Home()))
	}
	slices.SortFunc(snapshot.Cursors, func(a, b Cursor) int {
		return cmp.Or(cmp.Compare(a.InputID, b.InputID), cmp.Compare(a.URL, b.URL), cmp.Compare(a.DataCollectionID, b.DataCollectionID))
	})
	return snapshot, nil
}

// Remove removes cursors that Read has returned. The data directory's lock must
// be held.
func (s Files) Remove(cursors []Cursor) error {
	err := withStore(s, func(store backend.Store) error {
		for _, cursor := range cursors {
			if err := store.Remove(cursor.key); err != nil {
				return fmt.Errorf("removing the cursor of %s: %w", cursor.Describe(), err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("changing the registry of cursors in %s: %w", s.Home(), err)
	}
	return nil
}

// withStore opens a store, which repairs it where needed, and closes it.
func withStore(s Files, do func(backend.Store) error) (err error) {
	registry, err := memlog.New(logp.NewNopLogger(), memlog.Settings{
		Root: s.Root, FileMode: s.FileMode,
		// Appending to the log keeps its owner. A checkpoint is a new file, which
		// the beat's own user might not be able to read.
		Checkpoint: func(uint64) bool { return false },
	})
	if err != nil {
		return err
	}
	defer func() { err = config.Join(err, registry.Close()) }()
	store, err := registry.Access(config.Name)
	if err != nil {
		return err
	}
	defer func() { err = config.Join(err, store.Close()) }()
	return do(store)
}

// The files of a memlog store. A data file holds everything up to a transaction
// and is named by it (17.json); the log holds what came after.
const (
	metaFile   = "meta.json"
	logFile    = "log.json"
	dataSuffix = ".json"
)

// copyAttempts is how often a copy is begun anew. A beat rewrites its data file
// once in 10 MB of log, so a second attempt is rare already.
const copyAttempts = 10

// copyStore copies the files of a store that somebody may be writing to.
//
// A writer that checkpoints first puts the new data file in place and only then
// empties the log. So when the newest data file is still the same after the log
// was copied, the two belong together.
func copyStore(from fs.FS, to string) error {
	for range copyAttempts {
		if err := config.Join(os.RemoveAll(to), os.Mkdir(to, 0o700)); err != nil {
			return err
		}
		before, err := newestDataFile(from)
		if err != nil {
			return err
		}
		names := []string{before, logFile, metaFile}
		if before == "" {
			names = names[1:]
		}
		for _, name := range names {
			contents, err := fs.ReadFile(from, name)
			if errors.Is(err, fs.ErrNotExist) && name != metaFile {
				continue // a data file that was deleted meanwhile: there is a newer one
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(to, name), contents, 0o600)
			}
			if err != nil {
				return err
			}
		}
		after, err := newestDataFile(from)
		if err != nil || after == before {
			return err
		}
	}
	return fmt.Errorf("its files changed during each of %d attempts to read them: try again", copyAttempts)
}

// newestDataFile returns the name of the data file in use, "" when there is none.
func newestDataFile(store fs.FS) (string, error) {
	entries, err := fs.ReadDir(store, ".")
	if err != nil {
		return "", err
	}
	name, newest := "", uint64(0)
	for _, entry := range entries {
		number, ok := strings.CutSuffix(entry.Name(), dataSuffix)
		if !ok || !entry.Type().IsRegular() {
			continue
		}
		if id, err := strconv.ParseUint(number, 10, 64); err == nil && (name == "" || id > newest) {
			name, newest = entry.Name(), id
		}
	}
	return name, nil
}
