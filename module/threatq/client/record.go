// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"net/http"
	"time"
)

// record follows one request from its start to the end of its answer, for the
// debug log and the tracer.
type record struct {
	c       *Client
	req     *http.Request
	call    *call
	attempt int
	start   time.Time
	status  int
	trace   *trace // nil unless the tracer is on
}

func (c *Client) newRecord(req *http.Request) *record {
	call := callOf(req.Context())
	r := &record{c: c, req: req, call: call, attempt: call.attempt, start: c.now()}
	r.trace = c.tracer.begin(r)
	return r
}

// fail reports a request that got no answer.
func (r *record) fail(err error) {
	r.write(0, err)
}

// answer reports the status and the headers of the answer.
func (r *record) answer(resp *http.Response) {
	r.status = resp.StatusCode
	if r.trace != nil {
		r.trace.answer(resp)
	}
}

// read reports a piece of the answer's body.
func (r *record) read(p []byte) {
	if r.trace != nil {
		r.trace.read(p)
	}
}

// done reports the end of the answer's body.
func (r *record) done(bytes int64, err error) {
	r.c.metrics.received(bytes)
	r.call.bodyErr = err
	r.write(bytes, err)
}

func (r *record) write(bytes int64, err error) {
	duration := r.c.now().Sub(r.start)
	text := ""
	if err != nil {
		text = r.c.requestError(r.req.Context(), r.call, err).Reason
	}
	if r.c.log.IsDebug() {
		fields := []any{
			"http.request.method", r.req.Method,
			"url.path", r.c.redact(r.req.URL.Path),
			"http.response.status_code", r.status,
			"http.response.body.bytes", bytes,
			"event.duration", duration.Nanoseconds(),
			"attempt", r.attempt,
		}
		if text != "" {
			fields = append(fields, "error.message", text)
		}
		r.c.log.Debugw("HTTP request", fields...)
	}
	if r.trace != nil {
		r.trace.write(bytes, duration, text)
	}
}
