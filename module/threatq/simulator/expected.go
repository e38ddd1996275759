// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"encoding/json"
	"iter"
	"strconv"
	"strings"
	"time"
)

// Expected is what a collection holds of an indicator, for tests and summaries. Dates are in UTC, and zero when the
// indicator carries none.
type Expected struct {
	// Index and ID name the indicator to the simulator. When it can't be read, its JSON doesn't hold the id.
	Index int
	ID    int64
	// Readable is false when the indicator can't be read: it is no object or has no id.
	Readable bool
	// Misfit is true when the value does not fit its type, such as an IP address that can't be parsed.
	Misfit bool
	// Type, Status and Value are the names and the value as served; empty when absent or null.
	Type   string
	Status string
	Value  string

	CreatedAt   time.Time
	PublishedAt time.Time
	UpdatedAt   time.Time
	ExpiresAt   time.Time
	ExpiredAt   time.Time
}

// Expected yields all indicators that the collection holds now, in the order of the cursor. Changes that are made
// meanwhile don't matter to it.
func (s *Simulator) Expected() iter.Seq[Expected] {
	return func(yield func(Expected) bool) {
		for _, it := range s.all() {
			if !yield(s.expected(it)) {
				return
			}
		}
	}
}

// ExpectedByID returns what the collection holds of one indicator.
func (s *Simulator) ExpectedByID(id int64) (Expected, bool) {
	it, ok := s.get(int(id - s.gen.firstID))
	if !ok {
		return Expected{}, false
	}
	return s.expected(it), true
}

func (s *Simulator) expected(it item) Expected {
	e := expectedOf(s.gen.indicator(nil, it, allFields))
	e.Index, e.ID = it.index, s.id(it.index)
	e.Misfit = it.override == nil && s.gen.model(it).misfit
	return e
}

// expectedOf reads an indicator as it is served. What is of an unexpected type counts as absent.
func expectedOf(raw []byte) Expected {
	var served struct {
		ID           json.RawMessage
		IndicatorID  json.RawMessage `json:"indicator_id"`
		Type, Status struct{ Name string }
		Value        string

		Created   string `json:"created_at"`
		Published string `json:"published_at"`
		Updated   string `json:"updated_at"`
		Expires   string `json:"expires_at"`
		Expired   string `json:"expired_at"`
	}
	_ = json.Unmarshal(raw, &served) // it passes over what is of another type
	number := func(raw json.RawMessage) bool {
		_, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
		return err == nil
	}
	at := func(text string) time.Time {
		for _, layout := range []string{time.DateTime, time.RFC3339} {
			if t, err := time.Parse(layout, text); err == nil {
				return t.UTC()
			}
		}
		return time.Time{}
	}
	return Expected{
		Readable:    number(served.ID) || number(served.IndicatorID),
		Type:        served.Type.Name,
		Status:      served.Status.Name,
		Value:       served.Value,
		CreatedAt:   at(served.Created),
		PublishedAt: at(served.Published),
		UpdatedAt:   at(served.Updated),
		ExpiresAt:   at(served.Expires),
		ExpiredAt:   at(served.Expired),
	}
}
