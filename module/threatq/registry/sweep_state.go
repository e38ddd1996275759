// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// SweepState is what is kept of an input's sweeps.
type SweepState struct {
	InputID          string `json:"input_id"`
	URL              string `json:"url"`
	DataCollectionID string `json:"data_collection_id"`

	// Since is when the input began to keep what it knows.
	Since time.Time `json:"since,omitzero"`
	// Completed is when a sweep last came to its end and counted.
	Completed time.Time `json:"completed,omitzero"`
	// DurationMS is how long it took, ordinary cycles in between included.
	DurationMS int64 `json:"duration_ms"`
	// Known is how many indicators were known at its end.
	Known int `json:"known"`
	// Missing is how many it published that were not known, or older.
	Missing int `json:"missing"`
	// Retired is how many it retired.
	Retired int `json:"retired"`
	// HeldBack is how many it would have retired, had they not been too many; 0
	// when it was not held back.
	HeldBack int `json:"held_back"`
	// HeldBackOf is how many were known then.
	HeldBackOf int `json:"held_back_of"`
	// Asked says that a sweep is to be made out of turn.
	Asked bool `json:"asked,omitempty"`
	// Error is why the last sweep did not count, empty when it did.
	Error string `json:"error,omitempty"`
}

// acceptance is what an operator agrees to.
type acceptance struct {
	Retire int       `json:"retire"` // how many indicators one sweep may retire
	At     time.Time `json:"at"`
}

// State returns what is kept of the sweeps; nothing when the file is missing or
// can't be read, because then the next sweep says what it would.
func (k *Known) State() SweepState {
	var state SweepState
	_ = readJSON(k.files.path(stateSuffix), &state)
	return state
}

// SaveState keeps what a sweep has come to.
func (k *Known) SaveState(state SweepState) error {
	return k.files.writeJSON(stateSuffix, state)
}

// Accepted returns how many indicators an operator has agreed that one sweep may
// retire.
func (k *Known) Accepted() int {
	var accepted acceptance
	_ = readJSON(k.files.path(acceptSuffix), &accepted)
	return accepted.Retire
}

// ForgetAccepted removes what an operator has agreed to.
func (k *Known) ForgetAccepted() error {
	err := os.Remove(k.files.path(acceptSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (f knownFiles) writeJSON(suffix string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return f.write(f.path(suffix), append(raw, '\n'))
}

func readJSON(name string, to any) error {
	raw, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, to)
}

// sweeps returns what is kept of the sweeps of each input, by the registry's key.
// What can't be read is nothing: the next sweep writes it anew.
func (s Files) sweeps() (map[string]SweepState, error) {
	names, err := filepath.Glob(filepath.Join(s.Root, knownDir, "*"+stateSuffix))
	if err != nil {
		return nil, err
	}
	states := map[string]SweepState{}
	for _, name := range names {
		var state SweepState
		if readJSON(name, &state) == nil {
			states[cursorKey(state.InputID, state.URL, state.DataCollectionID)] = state
		}
	}
	return states, nil
}

// acceptMode lets a Beat read what another user agreed to; it holds no secret.
const acceptMode = 0o644

// Accept agrees to what the last sweep of an input has held back, and returns it. The
// running Beat reads it, as does the next start.
func (s Files) Accept(inputID string, now time.Time) (held SweepState, err error) {
	states, err := s.sweeps()
	if err != nil {
		return held, fmt.Errorf("looking for sweeps that were held back: %w", err)
	}
	var waiting []string
	for _, state := range states {
		if state.HeldBack == 0 {
			continue
		}
		waiting = append(waiting, fmt.Sprintf("%q", state.InputID))
		if state.InputID == inputID {
			held = state
		}
	}
	if held.HeldBack == 0 {
		return held, fmt.Errorf("no sweep of input %q was held back: there is nothing to agree to; held back are those of: %s",
			inputID, cmp.Or(strings.Join(slices.Sorted(slices.Values(waiting)), ", "), "no input"))
	}
	files := knownFiles{filepath.Join(s.Root, knownDir), cursorKey(held.InputID, held.URL, held.DataCollectionID), acceptMode}
	if err := files.writeJSON(acceptSuffix, acceptance{Retire: held.HeldBack, At: now.UTC()}); err != nil {
		return held, fmt.Errorf("saving that the sweep of input %q may go on: %w", inputID, err)
	}
	return held, nil
}
