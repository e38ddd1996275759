// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"

	"github.com/elastic/beats/v7/libbeat/common/transform/typeconv"
)

// Saved returns the cursor of an input as it is saved, if it is.
func (s *Store) Saved(id, url, dataCollectionID string) (saved State, found bool, err error) {
	key := RegistryKey(id, url, dataCollectionID)
	found, err = s.opened.Has(key)
	if err != nil || !found {
		return State{}, false, err
	}
	var entry struct{ Cursor any }
	if err := s.opened.Get(key, &entry); err != nil {
		return State{}, false, fmt.Errorf("reading the saved cursor of input %q: %w", id, err)
	}
	if entry.Cursor == nil { // the input was started, and nothing acknowledged yet
		return State{}, false, nil
	}
	if err := typeconv.Convert(&saved, entry.Cursor); err != nil {
		return State{}, false, fmt.Errorf("reading the saved cursor of input %q: %w", id, err)
	}
	return saved, true, nil
}
