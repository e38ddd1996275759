// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"
)

// exchange is one request and its answer.
type exchange struct {
	s        *Simulator
	w        http.ResponseWriter
	r        *http.Request
	endpoint Endpoint
}

// serve answers a request unless a fault comes in place of the answer. check returns nil when it refused the request.
func (x *exchange) serve(mark string, check func() (answer func(*fault))) {
	s := x.s
	f := s.faults.next(x.endpoint, mark)
	if f != nil && f.instead != nil {
		s.stats.fault(f)
		// Only when the body was read does net/http notice that the client goes away.
		_, _ = io.Copy(io.Discard, io.LimitReader(x.r.Body, maxTokenRequest))
		f.instead(x, f)
		return
	}
	answer := check()
	if answer == nil {
		s.faults.giveBack(f)
		return
	}
	if f != nil {
		s.stats.fault(f)
	}
	answer(f)
}

// fail answers with an error as the appliance words it.
func (x *exchange) fail(status int, message string) {
	x.answerJSON(status, map[string]any{"success": false, "status": status, "errors": []string{message}})
}

// failToken answers with an error of OAuth2 (RFC 6749, section 5.2).
func (x *exchange) failToken(status int, code, description string) {
	if status == http.StatusUnauthorized {
		x.w.Header().Set("WWW-Authenticate", `Basic realm="ThreatQ"`)
	}
	x.answerJSON(status, map[string]any{"error": code, "error_description": description})
}

func (x *exchange) answerJSON(status int, answer any) {
	x.answer(status, "application/json", mustJSON(answer))
}

func mustJSON(answer any) []byte {
	body, err := json.Marshal(answer)
	if err != nil { // the answers are maps of plain values
		panic(err)
	}
	return body
}

// answer sends a whole response.
func (x *exchange) answer(status int, contentType string, body []byte) {
	x.count(status)
	h := x.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // the client may have gone away
}

// count enters the request in the statistics, with status 0 when it gets no answer.
func (x *exchange) count(status int) { x.s.stats.request(x.endpoint, status) }

// wait waits for d, or forever when d is 0 or less. It reports false when the client has gone away or the simulator
// was closed before.
func (x *exchange) wait(d time.Duration) bool {
	var elapsed <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		elapsed = t.C
	}
	select {
	case <-elapsed:
		return true
	case <-x.r.Context().Done():
	case <-x.s.closed:
	}
	return false
}
