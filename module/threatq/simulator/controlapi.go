// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"net/http"
	"strconv"
)

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
	switch r.Method + " " + r.URL.Path[len(controlPath):] {
	case "GET stats":
		st := s.Stats()
		x.answerJSON(http.StatusOK, map[string]any{
			"requests": st.Requests, "tokens": st.Tokens, "pages": st.Pages, "indicators": st.Indicators,
			"bytes": st.Bytes, "faults": st.Faults, "refetched": st.Refetched(), "size": s.Len(),
		})
	case "POST touch":
		x.answerJSON(http.StatusOK, map[string]any{"ids": s.Touch(n)})
	case "POST add":
		x.answerJSON(http.StatusOK, map[string]any{"ids": s.Add(n)})
	case "POST leave":
		x.answerJSON(http.StatusOK, map[string]any{"ids": s.Leave(n)})
	case "POST join":
		x.answerJSON(http.StatusOK, map[string]any{"ids": s.Join(n)})
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
