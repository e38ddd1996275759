// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/threatqbeat/threatqbeat/config/secrets"
)

// minRate is the slowest that a body may arrive, in bytes per second averaged
// over request.timeout. It is far below any line that is of use; without it,
// an appliance could hold a request for ever with a byte now and then.
const minRate = 1024

// body watches over an answer's body: it ends the request when the body stops
// arriving, and reports to the record when it is done.
type body struct {
	io.ReadCloser
	cancel  context.CancelFunc
	record  *record
	timeout time.Duration
	timer   *time.Timer
	stalled atomic.Bool
	once    sync.Once

	step  int64 // bytes that count as progress
	fresh int64 // bytes since the timer was set
	total int64
	err   error
}

func newBody(rc io.ReadCloser, timeout time.Duration, cancel context.CancelFunc, record *record) *body {
	b := &body{
		ReadCloser: rc,
		cancel:     cancel,
		record:     record,
		timeout:    timeout,
		step:       max(1, int64(timeout.Seconds()*minRate)),
	}
	b.timer = time.AfterFunc(timeout, func() {
		b.stalled.Store(true)
		cancel()
	})
	return b
}

// Read reads from the body; it returns errStalled when no progress was made
// for the timeout.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.total += int64(n)
		b.fresh += int64(n)
		b.record.read(p[:n])
		if b.fresh >= b.step {
			b.fresh = 0
			b.timer.Reset(b.timeout)
		}
	}
	if err != nil {
		if err != io.EOF {
			if b.stalled.Load() {
				err = errStalled
			}
			b.err = err
		}
		b.finish()
	}
	return n, err
}

// Close ends the request; what was not read is lost.
func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.finish()
	return err
}

func (b *body) finish() {
	b.once.Do(func() {
		b.timer.Stop()
		b.cancel()
		b.record.done(b.total, b.err)
	})
}

// record follows one request from its start to the end of its answer, for the
// debug log and the tracer.
type record struct {
	c       *Client
	req     *http.Request
	call    *call
	attempt int
	start   time.Time
	status  int
	header  http.Header // of the answer
	body    []byte      // the beginning of the answer's, for the tracer
}

func (c *Client) newRecord(req *http.Request) *record {
	call := callOf(req.Context())
	return &record{c: c, req: req, call: call, attempt: call.attempt, start: c.now()}
}

// read takes a piece of the answer's body. What the token endpoint answers is not even
// looked at.
func (r *record) read(p []byte) {
	if room := maxTraceBody - len(r.body); room > 0 && r.c.tracer != nil && !r.call.token {
		r.body = append(r.body, p[:min(room, len(p))]...)
	}
}

// done reports the end of the answer's body, or that there is no answer.
func (r *record) done(bytes int64, err error) {
	r.c.metrics.bytes.Add(uint64(bytes))
	r.call.bodyErr = err
	duration := r.c.now().Sub(r.start)
	text := ""
	if err != nil {
		text = r.c.requestError(r.req.Context(), r.call, err).Reason
	}
	if r.c.log.IsDebug() {
		fields := []any{
			"http.request.method", r.req.Method,
			"url.path", secrets.Hide(r.req.URL.Path),
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
	r.c.tracer.write(r, bytes, duration, text)
}
