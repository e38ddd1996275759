// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"strings"
	"time"

	"github.com/elastic/beats/v7/libbeat/common/transform/typeconv"
	"github.com/elastic/beats/v7/libbeat/statestore/backend"

	"github.com/threatqbeat/threatqbeat/config"
)

// State is what the registry keeps for one input and data collection: the
// cursor, and what a person wants to know of it. It is saved once the output
// has acknowledged everything up to the cursor.
type State struct {
	// URL and DataCollectionID say what the mark belongs to.
	URL              string `struct:"url" json:"url"`
	DataCollectionID string `struct:"data_collection_id" json:"data_collection_id"`
	// Mark is the cursor mark that yields what comes next; empty at the start.
	Mark string `struct:"mark" json:"mark"`
	// Collected is the number of indicators collected since the start of the
	// data collection, each version of an indicator counted.
	Collected int64 `struct:"collected" json:"collected"`
	// Updated is when the appliance sent Mark.
	Updated time.Time `struct:"updated" json:"updated,omitzero"`
}

// Restart sets the cursor to the start of the data collection.
func (s *State) Restart() {
	s.Mark = ""
	s.Collected = 0
}

// Advance sets the cursor behind a page with so many indicators.
func (s *State) Advance(mark string, collected int, at time.Time) {
	s.Mark = mark
	s.Collected += int64(collected)
	s.Updated = at.UTC()
}

// Cursor is the saved cursor of one input and data collection.
type Cursor struct {
	// InputID is the id of the input.
	InputID string `json:"input_id"`
	State
	// Sweep is the result of the input's last sweep, nil before the first.
	Sweep *SweepState `json:"sweep,omitempty"`

	key string
}

// Describe names the cursor: the input, the appliance and the data collection.
func (c Cursor) Describe() string {
	return fmt.Sprintf("input %q, %s, data collection %s", c.InputID, c.URL, c.DataCollectionID)
}

// decode reads a Cursor from an entry of the registry. ok is false when the entry
// is not that of a threatq input.
func decode(key string, value backend.ValueDecoder) (c Cursor, ok bool, err error) {
	inputID, source, ok := parseKey(key)
	if !ok {
		return Cursor{}, false, nil
	}
	c = Cursor{InputID: inputID, key: key}
	c.State, _, err = decodeState(value.Decode)
	c.URL, c.DataCollectionID, _ = strings.Cut(source, sourceSeparator)
	if err != nil {
		err = fmt.Errorf("reading the cursor of %s: %w", c.Describe(), err)
	}
	return c, true, err
}

// decodeState returns the state in an entry of the registry, if there is one. What
// else the input-cursor manager keeps in an entry is not needed here.
func decodeState(decode func(to any) error) (state State, found bool, err error) {
	var entry struct{ Cursor any }
	if err := decode(&entry); err != nil {
		return State{}, false, err
	}
	if entry.Cursor == nil { // the input was started, and nothing acknowledged yet
		return State{}, false, nil
	}
	if err := typeconv.Convert(&state, entry.Cursor); err != nil {
		return State{}, false, err
	}
	return state, true, nil
}

// Saved returns the cursor of an input as it is saved, if it is.
func (s *Store) Saved(id, url, dataCollectionID string) (saved State, found bool, err error) {
	key := cursorKey(id, url, dataCollectionID)
	found, err = s.opened.Has(key)
	if err != nil || !found {
		return State{}, false, err
	}
	saved, found, err = decodeState(func(to any) error { return s.opened.Get(key, to) })
	if err != nil {
		return State{}, false, fmt.Errorf("reading the saved cursor of input %q: %w", id, err)
	}
	return saved, found, nil
}

// sourceSeparator stands neither in a url nor in a data collection's id, so that a
// source's name has one reading.
const sourceSeparator = " "

// SourceName names a data collection of the appliance at url in the key of its cursor.
func SourceName(url, dataCollectionID string) string {
	return url + sourceSeparator + dataCollectionID
}

// keyPrefix is what the keys of all cursors in the registry start with.
const keyPrefix = config.InputType + "::"

func cursorKey(inputID, url, dataCollectionID string) string {
	return keyPrefix + inputID + "::" + SourceName(url, dataCollectionID)
}

// parseKey splits the registry's key of a cursor into the input's id and
// the source's name. ok is false when the key is not that of a threatq cursor.
func parseKey(key string) (inputID, sourceName string, ok bool) {
	rest, ok := strings.CutPrefix(key, keyPrefix)
	// The url holds a "://" and may hold a "::" (an IPv6 address), the id may
	// hold anything: the last "::http" starts the source's name.
	at := strings.LastIndex(rest, "::http")
	if !ok || at < 0 {
		return "", "", false
	}
	return rest[:at], rest[at+2:], true
}
