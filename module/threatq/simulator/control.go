// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"fmt"
	"net/http"
	"strconv"
)

// Len returns the number of indicators in the collection.
func (s *Simulator) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size - s.removed
}

// Update gives the indicators with these ids a new updated_at, behind all marks that were handed out, and otherwise
// leaves them as they are. It changes nothing when one of the ids isn't in the collection.
func (s *Simulator) Update(ids ...int64) error {
	return failed("updating", ids, s.each(ids, false, func(index int) {
		e := s.entries[index]
		e.sec = s.stamp()
		s.set(index, e)
	}))
}

// Touch updates n different indicators, or all when there are fewer, and returns their ids. The choice depends on the
// seed and the changes before only.
func (s *Simulator) Touch(n int) []int64 { return s.touch(n, false) }

// Put sets fields of the indicator with that id, on top of those that Put set before, and updates it. Unless the fields
// say otherwise it has a new updated_at. An indicator that can't be read, also one of PutRaw, is as computed first.
func (s *Simulator) Put(id int64, fields Fields) error {
	encoded, err := fields.encode()
	if err == nil {
		err = s.put(id, func(o *override) *override { return o.with(encoded) })
	}
	return failed("changing", []int64{id}, err)
}

// PutRaw makes the appliance serve raw, whatever it is, in place of the indicator with that id, and updates it. Raw is
// written as it is, so it may break the whole page.
func (s *Simulator) PutRaw(id int64, raw []byte) error {
	raw = append([]byte{}, raw...)
	return failed("changing", []int64{id}, s.put(id, func(*override) *override { return &override{raw: raw} }))
}

// Add creates n indicators, computed from the seed like the others, and returns their ids.
func (s *Simulator) Add(n int) []int64 { return s.grow(n, s.stamp) }

// Join adds n indicators to the collection that were last updated some time ago, as when its filter is widened, and
// returns their ids. The cursor of a client does not meet them either.
func (s *Simulator) Join(n int) []int64 {
	return s.grow(n, func() int64 { return s.gen.base - 1 - int64(s.rng.intn(history)) })
}

// Remove takes indicators out of the collection. As with ThreatQ, a client that has them isn't told. It changes
// nothing when one of the ids isn't in the collection.
func (s *Simulator) Remove(ids ...int64) error {
	return failed("removing", ids, s.each(ids, false, func(index int) { s.setRemoved(index, true) }))
}

// Leave takes n different indicators out of the collection, or all when there are fewer, and returns their ids. The
// choice is that of Touch.
func (s *Simulator) Leave(n int) []int64 {
	return s.choose(n, func(index int) { s.setRemoved(index, true) })
}

// Rejoin brings indicators back that Remove or Leave took out, as they were: they are not updated by it, so that the
// cursor of a client does not meet them. It changes nothing when one of the ids has not left.
func (s *Simulator) Rejoin(ids ...int64) error {
	return failed("bringing back", ids, s.each(ids, true, func(index int) { s.setRemoved(index, false) }))
}

// Indicator returns the JSON of the indicator with that index, counted from 0 in the order of creation, with all its
// keys and as it is now. It returns nil when there is none.
func (s *Simulator) Indicator(index int) []byte {
	it, ok := s.get(index)
	if !ok {
		return nil
	}
	return s.gen.indicator(nil, it, allFields)
}

func failed(doing string, ids []int64, err error) error {
	switch {
	case err == nil:
		return nil
	case len(ids) == 1:
		return fmt.Errorf("%s indicator %d: %w", doing, ids[0], err)
	}
	return fmt.Errorf("%s %d indicators: %w", doing, len(ids), err)
}

// maxControlNumber bounds the number of indicators in one request to the control API.
const maxControlNumber = 1_000_000

// serveControl serves the control API: stats, touch, add, leave, join, faults and revoke.
func (s *Simulator) serveControl(w http.ResponseWriter, r *http.Request) {
	x := &exchange{s: s, w: w, r: r, endpoint: endpointOther}
	n, err := strconv.Atoi(r.FormValue("n"))
	if r.FormValue("n") != "" && (err != nil || n < 0 || n > maxControlNumber) {
		x.fail(http.StatusBadRequest, "The parameter n must be 0 to 1000000.")
		return
	}
	function := r.Method + " " + r.URL.Path[len(controlPath):]
	changes := map[string]func(n int) (ids []int64){"POST touch": s.Touch, "POST add": s.Add, "POST leave": s.Leave, "POST join": s.Join}
	if change := changes[function]; change != nil {
		x.answerJSON(http.StatusOK, map[string]any{"ids": change(n)})
		return
	}
	switch function {
	case "GET stats":
		st := s.Stats()
		x.answerJSON(http.StatusOK, map[string]any{
			"requests": st.Requests, "tokens": st.Tokens, "pages": st.Pages, "indicators": st.Indicators,
			"bytes": st.Bytes, "faults": st.Faults, "refetched": st.Refetched(), "size": s.Len(),
		})
	case "POST revoke":
		s.RevokeTokens()
		x.answerJSON(http.StatusOK, map[string]any{})
	case "POST faults":
		before := len(s.PendingFaults())
		if err := s.Inject(r.FormValue("spec")); err != nil {
			x.fail(http.StatusBadRequest, err.Error())
			return
		}
		x.answerJSON(http.StatusOK, map[string]any{"armed": len(s.PendingFaults()) - before})
	case "DELETE faults":
		s.ClearFaults()
		x.answerJSON(http.StatusOK, map[string]any{})
	default:
		x.fail(http.StatusNotFound, "The control API has no such function.")
	}
}
