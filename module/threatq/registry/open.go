// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/elastic/beats/v7/libbeat/common/transform/typeconv"
	"github.com/elastic/beats/v7/libbeat/statestore"
	"github.com/elastic/beats/v7/libbeat/statestore/backend"
	"github.com/elastic/beats/v7/libbeat/statestore/backend/memlog"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/mapstr"
	"github.com/elastic/elastic-agent-libs/paths"

	"github.com/threatqbeat/threatqbeat/config"
)

// Store is the registry of the cursors, a memlog below path.data.
type Store struct {
	registry      *statestore.Registry
	opened        *statestore.Store
	cleanInterval time.Duration
	known         *KnownStore
	onSave        func(inputID string, err error)
}

var _ statestore.States = (*Store)(nil)

// Open opens the registry. One that is damaged beyond what memlog repairs
// is put aside, and the data collections are collected from their start: that
// costs a repetition, where stopping would cost indicators.
func Open(log *logp.Logger, cfg config.Registry, p *paths.Path) (*Store, error) {
	log = log.Named("registry")
	root := Root(cfg, p)
	s, damaged, err := openCursors(log, cfg, root)
	if err != nil {
		return nil, err
	}
	if s.known, err = OpenKnown(root, cfg.FilePermissions, log.Named("known")); err != nil {
		s.Close()
		return nil, err
	}
	s.known.registryDamaged = damaged
	return s, nil
}

// openCursors opens the store of the cursors, and reports whether it was damaged.
func openCursors(log *logp.Logger, cfg config.Registry, root string) (_ *Store, damaged bool, _ error) {
	if err := config.CheckPath("threatqbeat.registry.path", root); err != nil {
		return nil, false, err
	}
	home := Files{Root: root}.Home()
	damage, err := checkPlace(root, home)
	if err != nil {
		return nil, false, err
	}
	open := func() (*Store, error) {
		backend, err := memlog.New(log, memlog.Settings{Root: root, FileMode: cfg.FilePermissions})
		if err != nil {
			return nil, err
		}
		s := &Store{cleanInterval: cfg.CleanupInterval}
		s.registry = statestore.NewRegistry(repairingBackend{backend, s.saved})
		s.opened, err = s.registry.Get(config.Name)
		if err != nil {
			_ = s.registry.Close()
			return nil, err
		}
		return s, nil
	}

	var s *Store
	if err = damage; err == nil {
		if s, err = open(); err == nil {
			return s, false, nil
		}
	}
	if !isDamage(err) {
		return nil, false, fmt.Errorf("opening the registry of cursors in %s: %w: the directory must be writable by the user that runs %s", home, err, config.Name)
	}
	aside := fmt.Sprintf("%s.damaged-%s", home, time.Now().UTC().Format("20060102T150405.000000000"))
	if renameErr := os.Rename(home, aside); renameErr != nil {
		return nil, false, fmt.Errorf("opening the registry of cursors in %s: %w; putting it aside failed too: %w", home, err, renameErr)
	}
	log.Warnw("The registry of cursors is damaged. It was put aside, and each data collection is collected from its start.",
		"error", err, "registry", home, "aside", aside)
	if s, err = open(); err != nil {
		return nil, false, fmt.Errorf("creating a new registry of cursors in %s: %w", home, err)
	}
	return s, true, nil
}

// checkPlace refuses a place that memlog can't look at, because it panics then. It is
// damage when a directory stands where memlog keeps a file, or a file where it keeps
// its files.
func checkPlace(root, home string) (damage, err error) {
	info, err := os.Stat(root)
	if err == nil && !info.IsDir() {
		return nil, fmt.Errorf("opening the registry of cursors: threatqbeat.registry.path names %s, which is no directory: move it away, or choose another path", root)
	}
	if err == nil {
		info, err = os.Stat(home)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("opening the registry of cursors: %w: threatqbeat.registry.path must name a directory that can be read and written", err)
	case !info.IsDir():
		return fmt.Errorf("%s is no directory", home), nil
	}
	entries, err := os.ReadDir(home)
	for _, entry := range entries {
		if entry.IsDir() {
			return fmt.Errorf("%s is a directory", filepath.Join(home, entry.Name())), nil
		}
	}
	return err, nil
}

// isDamage reports whether err is about contents that can't be read, and not about
// files that may not be.
func isDamage(err error) bool {
	pathErr, ok := errors.AsType[*fs.PathError](err)
	return !ok || errors.Is(pathErr, fs.ErrNotExist)
}

// Root is the directory of the registry.
func Root(cfg config.Registry, p *paths.Path) string {
	return p.Resolve(paths.Data, cfg.Path)
}

// OnSave has f called after each attempt to save an input's cursor, with the error or
// nil. It is to be called before any input runs. f must not block.
func (s *Store) OnSave(f func(inputID string, err error)) { s.onSave = f }

func (s *Store) saved(key string, err error) {
	if id, _, ok := parseKey(key); ok && s.onSave != nil {
		s.onSave(id, err)
	}
}

// StoreFor returns the one store there is.
func (s *Store) StoreFor(string) (*statestore.Store, error) { return s.registry.Get(config.Name) }

// CleanupInterval is the time between two searches for abandoned cursors.
func (s *Store) CleanupInterval() time.Duration { return s.cleanInterval }

// Known has the known indicators of the inputs.
func (s *Store) Known() *KnownStore { return s.known }

// Close closes the registry.
func (s *Store) Close() {
	if s.known != nil {
		_ = s.known.Close()
	}
	_ = s.opened.Close()
	_ = s.registry.Close()
}

// repairingBackend is a memlog that goes on when a disk was full for a while. After
// a write to its log has failed, memlog goes on with that log's writer, which
// never writes again: from then on each update fails, or each second one, until
// the next start.
type repairingBackend struct {
	backend.Registry
	saved func(key string, err error) // is told how each update went
}

// Access opens a store and writes it anew. memlog repairs what is damaged in
// memory only: after a checkpoint that could not be read, the next start would
// not know what to make of the log, and lose the cursors once more.
func (b repairingBackend) Access(name string) (backend.Store, error) {
	opened, err := b.Registry.Access(name)
	if err != nil {
		return nil, err
	}
	whole, ok := opened.(wholeStore)
	if !ok {
		return nil, fmt.Errorf("a store of memlog can't be written as a whole any more: it is a %T", opened)
	}
	_ = whole.Checkpoint() // when the disk is full, the first update says so
	return repairingStore{whole, b.saved}, nil
}

// wholeStore is a store that can be written as a whole, as memlog's can.
type wholeStore interface {
	backend.Store
	Checkpoint() error
}

// repairingStore writes all of the store anew when an update of it could not be
// appended. The store holds a few cursors: that costs next to nothing.
type repairingStore struct {
	wholeStore
	saved func(key string, err error)
}

func (s repairingStore) Set(key string, value any) error {
	// What can't be encoded is no failure of the disk.
	var encoded mapstr.M
	if err := typeconv.Convert(&encoded, value); err != nil {
		return fmt.Errorf("encoding the cursor %s: %w", key, err)
	}
	err := s.checkpoint(s.wholeStore.Set(key, encoded))
	s.saved(key, err)
	return err
}

func (s repairingStore) Remove(key string) error {
	return s.checkpoint(s.wholeStore.Remove(key))
}

// checkpoint writes what a failed update left out of the file: memlog has it in memory.
func (s repairingStore) checkpoint(failed error) error {
	if failed == nil {
		return nil
	}
	if err := s.Checkpoint(); err != nil {
		return fmt.Errorf("saving the cursors: %w", config.Join(failed, err))
	}
	return nil
}
