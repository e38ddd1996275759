// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/elastic/elastic-agent-libs/logp"
)

// knownDir lies beside the cursors' store.
const knownDir = "known"

// knownInactive is how long the known indicators of an input that is gone are
// kept: as long as its cursor.
const knownInactive = 90 * 24 * time.Hour

// KnownStore has the known indicators of all inputs of a Beat.
type KnownStore struct {
	dir  string
	mode fs.FileMode
	log  *logp.Logger
	// registryDamaged says that the cursors were lost at the start.
	registryDamaged bool

	mu      sync.Mutex
	open    map[string]*Known // by the registry's key
	running map[*Known]bool   // whether an input uses it
}

// OpenKnown opens the store in the directory of a registry, and removes what has
// belonged to no input for 90 days. Files get the mode.
func OpenKnown(root string, mode fs.FileMode, log *logp.Logger) (*KnownStore, error) {
	s := &KnownStore{dir: filepath.Join(root, knownDir), mode: mode, log: log, open: map[string]*Known{}, running: map[*Known]bool{}}
	if err := os.MkdirAll(s.dir, dirMode); err != nil {
		return nil, fmt.Errorf("creating the directory of the known indicators: %w", err)
	}
	if err := s.removeInactive(time.Now().Add(-knownInactive)); err != nil {
		log.Warnw("The known indicators of inputs that are gone can't be removed.", "error", err, "directory", s.dir)
	}
	return s, nil
}

// removeInactive removes the files of inputs of which none has changed since then.
func (s *KnownStore) removeInactive(since time.Time) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	active := map[string]bool{}
	for _, entry := range entries {
		if info, err := entry.Info(); err != nil || info.ModTime().After(since) {
			active[ownerOf(entry.Name())] = true
		}
	}
	for _, entry := range entries {
		if !active[ownerOf(entry.Name())] {
			err = errors.Join(err, os.Remove(filepath.Join(s.dir, entry.Name())))
		}
	}
	return err
}

func ownerOf(file string) string {
	owner, _, _ := strings.Cut(file, ".")
	return owner
}

func (s *KnownStore) files(key string) knownFiles { return knownFiles{s.dir, key, s.mode} }

// Use returns the known indicators of an input's cursor until release is called.
// It reads their files when they are used first.
func (s *KnownStore) Use(inputID, url, dataCollectionID string) (k *Known, release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := cursorKey(inputID, url, dataCollectionID)
	k = s.open[key]
	if k == nil {
		if k, err = openKnown(s.files(key), s.log.With("input_id", inputID)); err != nil {
			return nil, nil, fmt.Errorf("input %q: %w", inputID, err)
		}
		if s.registryDamaged && k.Damage == "" {
			k.Damage = "the registry of cursors was damaged"
		}
		s.open[key] = k
	}
	s.running[k] = true
	return k, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.running[k] = false
	}, nil
}

// Elsewhere says which indicators other inputs know: running ones, and inputs that
// have run within 90 days and don't now. Of an input that runs, its present data
// collection counts only.
func (s *KnownStore) Elsewhere(but *Known, indicators []Indicator) (running, stopped map[Indicator]bool, err error) {
	running, stopped = map[Indicator]bool{}, map[Indicator]bool{}
	if len(indicators) == 0 {
		return running, stopped, nil
	}
	s.mu.Lock()
	var others []*Known
	runs := map[string]bool{} // by the input's id
	isOpen := map[string]bool{}
	for k, is := range s.running {
		isOpen[filepath.Base(k.files.path(baseSuffix))] = true
		if !is {
			continue
		}
		id, _, _ := parseKey(k.files.key)
		runs[id] = true
		if k != but {
			others = append(others, k)
		}
	}
	var paused []*Known
	for k, is := range s.running {
		if id, _, _ := parseKey(k.files.key); !is && !runs[id] {
			paused = append(paused, k)
		}
	}
	s.mu.Unlock()
	for _, k := range others {
		k.holds(indicators, running)
	}
	for _, k := range paused {
		k.holds(indicators, stopped)
	}
	names, err := filepath.Glob(filepath.Join(s.dir, "*"+baseSuffix))
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		if isOpen[filepath.Base(name)] {
			continue
		}
		set, key, err := readKnown(s.dir, name)
		if err != nil {
			// It will be learned anew, and then publishes what is missing.
			s.log.Debugw("The known indicators of an input that does not run can't be read.", "error", err, "file", name)
			continue
		}
		if id, _, ok := parseKey(key); !ok || runs[id] {
			continue
		}
		for _, i := range indicators {
			if _, _, ok := set.Find(i); ok {
				stopped[i] = true
			}
		}
	}
	return running, stopped, nil
}

// readKnown reads the known indicators of an input that does not run, and leaves
// the files as they are.
func readKnown(dir, base string) (set *Set, key string, err error) {
	set, generation, key, err := readBase(base, "")
	if err != nil {
		return nil, "", err
	}
	var r replay
	if _, err := (knownFiles{dir: dir, key: key}).readLog(generation, &r); err != nil {
		return nil, "", err
	}
	return set.with(r.changes), key, nil
}

// Close saves what is left, which is nothing unless the disk was full.
func (s *KnownStore) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	for _, k := range s.open {
		err = errors.Join(err, k.close())
	}
	return err
}
