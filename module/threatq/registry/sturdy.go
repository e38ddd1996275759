// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"fmt"

	"github.com/elastic/beats/v7/libbeat/common/transform/typeconv"
	"github.com/elastic/beats/v7/libbeat/statestore/backend"
	"github.com/elastic/elastic-agent-libs/mapstr"
)

// sturdyBackend is memlog made fit for a disk that was full for a while. After
// a write to its log has failed, memlog goes on with that log's writer, which
// never writes again: from then on each update fails, or each second one, until
// the next start.
type sturdyBackend struct {
	backend.Registry
	saved func(key string, err error) // is told how each update went
}

// Access opens a store and writes it anew. memlog repairs what is damaged in
// memory only: after a checkpoint that could not be read, the next start would
// not know what to make of the log, and lose the cursors once more.
func (b sturdyBackend) Access(name string) (backend.Store, error) {
	opened, err := b.Registry.Access(name)
	if err != nil {
		return nil, err
	}
	if whole, ok := opened.(checkpointer); ok {
		// When the disk is full, the first update says so.
		_ = whole.Checkpoint()
	}
	return sturdyStore{opened, b.saved}, nil
}

// checkpointer is a store that can be written as a whole, as memlog's can.
type checkpointer interface{ Checkpoint() error }

// sturdyStore writes all of the store anew when an update of it could not be
// appended. The store holds a few cursors: that costs next to nothing.
type sturdyStore struct {
	backend.Store
	saved func(key string, err error)
}

// Set saves a value.
func (s sturdyStore) Set(key string, value any) error {
	// What can't be encoded is no failure of the disk.
	var encoded mapstr.M
	if err := typeconv.Convert(&encoded, value); err != nil {
		return fmt.Errorf("encoding the cursor %s: %w", key, err)
	}
	err := s.checkpoint(s.Store.Set(key, encoded))
	s.saved(key, err)
	return err
}

// Remove removes a value.
func (s sturdyStore) Remove(key string) error {
	return s.checkpoint(s.Store.Remove(key))
}

// checkpoint makes up for a failed update: memlog has it in memory already.
func (s sturdyStore) checkpoint(failed error) error {
	if failed == nil {
		return nil
	}
	whole, ok := s.Store.(checkpointer)
	if !ok {
		return failed
	}
	if err := whole.Checkpoint(); err != nil {
		return fmt.Errorf("saving the cursors: %w", errors.Join(failed, err))
	}
	return nil
}
