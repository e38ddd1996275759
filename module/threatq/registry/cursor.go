// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/elastic/beats/v7/libbeat/common/transform/typeconv"
	"github.com/elastic/beats/v7/libbeat/statestore/backend"
)

// Cursor is the saved cursor of one input and data collection.
type Cursor struct {
	// InputID is the id of the input.
	InputID string
	// URL is the appliance, as the input's configuration has it.
	URL string
	// DataCollectionID names the data collection.
	DataCollectionID string
	// Mark is the cursor mark that yields what comes next; empty when nothing
	// has been collected yet.
	Mark string
	// Collected is the number of indicators collected since the start of the
	// data collection, each version of an indicator counted.
	Collected int64
	// Updated is when the appliance handed out Mark, zero without a mark.
	Updated time.Time
	// Sweep is what the input's last sweep has come to, nil before the first.
	Sweep *SweepState

	key string
}

// MarshalJSON writes the cursor in snake case, and no date where there is none.
func (c Cursor) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		InputID          string      `json:"input_id"`
		URL              string      `json:"url"`
		DataCollectionID string      `json:"data_collection_id"`
		Mark             string      `json:"mark"`
		Collected        int64       `json:"collected"`
		Updated          time.Time   `json:"updated,omitzero"`
		Sweep            *SweepState `json:"sweep,omitempty"`
	}{c.InputID, c.URL, c.DataCollectionID, c.Mark, c.Collected, c.Updated, c.Sweep})
}

// Describe names the cursor: the input, the appliance and the data collection.
func (c Cursor) Describe() string {
	return fmt.Sprintf("input %q, %s, data collection %s", c.InputID, c.URL, c.DataCollectionID)
}

// stored is what the input-cursor manager keeps under a key; of its own times
// nothing is needed here.
type stored struct {
	Cursor any
}

// decode makes a Cursor of an entry of the registry. ok is false when the entry
// is none of a threatq input.
func decode(key string, value backend.ValueDecoder) (c Cursor, ok bool, err error) {
	inputID, source, ok := ParseRegistryKey(key)
	if !ok {
		return Cursor{}, false, nil
	}
	c = Cursor{InputID: inputID, URL: source, key: key}
	// A url holds no space, and a data collection's id neither.
	if at := strings.LastIndexByte(source, ' '); at >= 0 {
		c.URL, c.DataCollectionID = source[:at], source[at+1:]
	}

	var entry stored
	if err := value.Decode(&entry); err != nil {
		return c, true, fmt.Errorf("reading the cursor of %s: %w", c.Describe(), err)
	}
	if entry.Cursor == nil { // the input was started, and nothing acknowledged yet
		return c, true, nil
	}
	var state State
	if err := typeconv.Convert(&state, entry.Cursor); err != nil {
		return c, true, fmt.Errorf("reading the cursor of %s: %w", c.Describe(), err)
	}
	c.Mark, c.Collected, c.Updated = state.Mark, state.Collected, state.Updated
	return c, true, nil
}
