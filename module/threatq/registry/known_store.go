// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/config"
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

	mu   sync.Mutex
	open map[string]*Known // by the registry's key

	// settling is held while an input decides by what the others know.
	settling sync.Mutex
}

// OpenKnown opens the store in the directory of a registry, and removes what has
// belonged to no input for 90 days. Files get the mode.
func OpenKnown(root string, mode fs.FileMode, log *logp.Logger) (*KnownStore, error) {
	s := &KnownStore{dir: filepath.Join(root, knownDir), mode: mode, log: log, open: map[string]*Known{}}
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
			err = config.Join(err, os.Remove(filepath.Join(s.dir, entry.Name())))
		}
	}
	return err
}

func ownerOf(file string) string {
	owner, _, _ := strings.Cut(file, ".")
	return owner
}

// Use returns the known indicators of an input's cursor until release is called.
// It reads their files when they are used first.
func (s *KnownStore) Use(inputID, url, dataCollectionID string) (k *Known, release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := cursorKey(inputID, url, dataCollectionID)
	k = s.open[key]
	if k == nil {
		if k, err = openKnown(knownFiles{s.dir, key, s.mode}, s.log.With("input_id", inputID)); err != nil {
			return nil, nil, fmt.Errorf("input %q: %w", inputID, err)
		}
		if s.registryDamaged && k.Damage == "" {
			k.Damage = "the registry of cursors was damaged"
		}
		k.retired = func(retired []Indicator) { s.doubt(k, retired) }
		s.open[key] = k
	}
	k.running = true
	return k, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		k.running = false
	}, nil
}

// Settle has decide learn which indicators other inputs know: running ones, and inputs
// that have run within 90 days and don't now. What decide returns is known to k no
// longer. No other input decides meanwhile: of two that know an indicator, each would
// leave it to the other. What k is not certain of it may have retired before a crash, so
// that the others are not certain of it either.
func (s *KnownStore) Settle(k *Known, indicators []Indicator, decide func(running, stopped map[Indicator]bool) (forget []Indicator, err error)) error {
	s.settling.Lock()
	defer s.settling.Unlock()
	running, stopped, err := s.elsewhere(k, indicators)
	if err != nil {
		return fmt.Errorf("looking at what the other inputs know: %w", err)
	}
	s.doubt(k, k.uncertain(indicators))
	forget, err := decide(running, stopped)
	if err != nil {
		return err
	}
	k.forget(forget)
	return nil
}

// doubt takes note that k has retired indicators, or may have. Another input that knows
// one may have published it before or after, so that its next sweep publishes it once
// more.
func (s *KnownStore) doubt(k *Known, retired []Indicator) {
	if len(retired) == 0 {
		return
	}
	s.mu.Lock()
	others := slices.Collect(maps.Values(s.open))
	s.mu.Unlock()
	for _, other := range others {
		if other != k {
			other.doubt(retired)
		}
	}
}

// elsewhere says which indicators other inputs know. Of an input that runs, its present
// data collection counts only.
func (s *KnownStore) elsewhere(but *Known, indicators []Indicator) (running, stopped map[Indicator]bool, err error) {
	running, stopped = map[Indicator]bool{}, map[Indicator]bool{}
	if len(indicators) == 0 {
		return running, stopped, nil
	}
	s.mu.Lock()
	runs := map[string]bool{}   // by the input's id
	isOpen := map[string]bool{} // by the base's name
	for _, k := range s.open {
		isOpen[k.files.path(baseSuffix)] = true
		if k.running {
			runs[k.files.inputID()] = true
		}
	}
	for _, k := range s.open {
		switch {
		case k.running && k != but:
			k.holds(indicators, running)
		case !runs[k.files.inputID()]:
			k.holds(indicators, stopped)
		}
	}
	s.mu.Unlock()
	names, err := filepath.Glob(filepath.Join(s.dir, "*"+baseSuffix))
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		if isOpen[name] {
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
		err = config.Join(err, k.close())
	}
	return err
}
