// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beater

import (
	"fmt"

	"github.com/elastic/beats/v7/libbeat/common/transform/typeconv"

	"github.com/threatqbeat/threatqbeat/module/threatq/threat"
)

// savedCursor returns the cursor of an input as it is saved, if it is.
func (s *store) savedCursor(cfg *threat.Config) (saved threat.State, found bool, err error) {
	key := threat.RegistryKey(cfg.ID, cfg.Client.URL, cfg.Client.DataCollectionID)
	found, err = s.opened.Has(key)
	if err != nil || !found {
		return threat.State{}, false, err
	}
	var entry struct{ Cursor any }
	if err := s.opened.Get(key, &entry); err != nil {
		return threat.State{}, false, fmt.Errorf("reading the saved cursor of input %q: %w", cfg.ID, err)
	}
	if entry.Cursor == nil { // the input was started, and nothing acknowledged yet
		return threat.State{}, false, nil
	}
	if err := typeconv.Convert(&saved, entry.Cursor); err != nil {
		return threat.State{}, false, fmt.Errorf("reading the saved cursor of input %q: %w", cfg.ID, err)
	}
	return saved, true, nil
}
