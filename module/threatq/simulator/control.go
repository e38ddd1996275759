// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"encoding/json"
	"fmt"
)

// Len returns the number of indicators in the collection.
func (s *Simulator) Len() int { return s.collection.len() }

// Update gives the indicators with these ids a new updated_at, behind all marks that were handed out, and otherwise
// leaves them as they are. It changes nothing when one of the ids isn't in the collection.
func (s *Simulator) Update(ids ...int64) error {
	if err := s.collection.update(ids); err != nil {
		return fmt.Errorf("updating %d indicators: %w", len(ids), err)
	}
	return nil
}

// Touch updates n different indicators, or all when there are fewer, and returns their ids. The choice depends on the
// seed and the changes before only.
func (s *Simulator) Touch(n int) []int64 { return s.collection.touch(n, false) }

// Put sets fields of the indicator with that id, on top of those that Put set before, and updates it. Unless the fields
// say otherwise it has a new updated_at. An indicator that can't be read, also one of PutRaw, is as computed first.
func (s *Simulator) Put(id int64, fields Fields) error {
	encoded, err := fields.encode()
	if err == nil {
		err = s.collection.put(id, func(o *override) *override { return o.with(encoded) })
	}
	if err != nil {
		return fmt.Errorf("changing indicator %d: %w", id, err)
	}
	return nil
}

// PutRaw makes the appliance serve raw, whatever it is, in place of the indicator with that id, and updates it. Raw is
// written as it is, so it may break the whole page.
func (s *Simulator) PutRaw(id int64, raw []byte) error {
	raw = append([]byte{}, raw...)
	if err := s.collection.put(id, func(*override) *override { return &override{raw: raw} }); err != nil {
		return fmt.Errorf("changing indicator %d: %w", id, err)
	}
	return nil
}

// Add creates n indicators, computed from the seed like the others, and returns their ids.
func (s *Simulator) Add(n int) []int64 { return s.collection.add(n) }

// Remove takes indicators out of the collection. As with ThreatQ, a client that has them isn't told. It changes
// nothing when one of the ids isn't in the collection.
func (s *Simulator) Remove(ids ...int64) error {
	if err := s.collection.remove(ids); err != nil {
		return fmt.Errorf("removing %d indicators: %w", len(ids), err)
	}
	return nil
}

// Leave takes n different indicators out of the collection, or all when there are fewer, and returns their ids. The
// choice is that of Touch.
func (s *Simulator) Leave(n int) []int64 { return s.collection.leave(n) }

// Rejoin brings indicators back that Remove or Leave took out, as they were: they are not updated by it, so that the
// cursor of a client does not meet them. It changes nothing when one of the ids has not left.
func (s *Simulator) Rejoin(ids ...int64) error {
	if err := s.collection.rejoin(ids); err != nil {
		return fmt.Errorf("bringing back %d indicators: %w", len(ids), err)
	}
	return nil
}

// Join adds n indicators to the collection that were last updated some time ago, as when its filter is widened, and
// returns their ids. The cursor of a client does not meet them either.
func (s *Simulator) Join(n int) []int64 { return s.collection.join(n) }

// Indicator returns the JSON of the indicator with that index, counted from 0 in the order of creation, with all its
// keys and as it is now. It returns nil when there is none.
func (s *Simulator) Indicator(index int) []byte {
	it, ok := s.collection.get(index)
	if !ok {
		return nil
	}
	var m model
	return s.appendItem(nil, &m, it, allKeys)
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil { // only called with plain values
		panic(err)
	}
	return b
}
