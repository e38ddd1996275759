// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// MaxRetryAfter is the longest Retry-After that a request waits for. When the
// appliance asks for more, the request fails at once with KindRateLimited or
// KindServer and Error.RetryAfter set, so that the wait is the caller's.
const MaxRetryAfter = 5 * time.Minute

// call is one request with all its attempts.
type call struct {
	op      string // for errors: what is being done
	token   bool   // to the token endpoint
	mark    string // the cursor mark of a page request
	attempt int    // the attempt that is running, from 1
}

func (c *call) last(max int) bool { return c.attempt >= max }

// maxDrain is how much of an answer that nobody reads is read nonetheless.
const maxDrain = 16 << 10

type callKey struct{}

// callOf returns the call that a request belongs to.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// newRetrier returns the client that repeats requests. Reading and parsing the
// body is a part of the attempt (see do): an answer counts when it could be
// read to its end.
func (c *Client) newRetrier(hc *http.Client) *retryablehttp.Client {
	retry := c.cfg.Request.Retry
	return &retryablehttp.Client{
		HTTPClient:   hc,
		RetryMax:     retry.MaxAttempts - 1,
		RetryWaitMin: retry.WaitMin,
		RetryWaitMax: retry.WaitMax,
		Backoff:      c.backoff,
		CheckRetry:   c.checkRetry,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
		RequestLogHook: func(_ retryablehttp.Logger, req *http.Request, n int) {
			callOf(req.Context()).attempt = n + 1
			if n > 0 {
				c.metrics.retry()
			}
		},
	}
}

// do sends a request until an answer is read by handle, the attempts are used
// up, or an error comes that another attempt would not mend. The error is
// always an *Error.
func (c *Client) do(req *http.Request, call *call, handle func(*http.Response) error) error {
	ctx := context.WithValue(req.Context(), callKey{}, call)
	retryable, err := retryablehttp.FromRequest(req.WithContext(ctx))
	if err != nil {
		return c.requestError(ctx, call, err)
	}
	retryable.SetResponseHandler(func(resp *http.Response) error {
		defer resp.Body.Close()
		if resp.StatusCode < 200 || resp.StatusCode > 299 {
			// So that the connection can be used again.
			_, _ = io.CopyN(io.Discard, resp.Body, maxDrain)
			return c.statusError(call, resp)
		}
		if err := handle(resp); err != nil {
			e := c.requestError(ctx, call, err)
			e.Status = resp.StatusCode
			return e
		}
		return nil
	})
	resp, err := c.retrier.Do(retryable)
	if err == nil {
		return nil
	}
	if resp != nil {
		resp.Body.Close()
	}
	e := c.requestError(ctx, call, err)
	e.Attempts = call.attempt
	return e
}

// checkRetry decides after each attempt. It is asked twice when there is an
// answer: once with the status alone, once with what reading it gave.
func (c *Client) checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	call := callOf(ctx)
	if ctx.Err() != nil {
		return false, canceled(ctx, call.op)
	}
	if err != nil {
		e := c.requestError(ctx, call, err)
		return !e.final, e
	}
	if transient(resp.StatusCode) {
		e := c.statusError(call, resp)
		return !e.final, e
	}
	return false, nil
}

// transient reports whether a status may be another one in a moment.
func transient(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status >= 500
}

// backoff returns the wait before the next attempt: what the appliance asks
// for, else one that doubles with each attempt. Chance adds to it, so that
// several inputs don't come back in step.
func (c *Client) backoff(least, most time.Duration, n int, resp *http.Response) time.Duration {
	if resp != nil && transient(resp.StatusCode) {
		if wait, _ := retryAfter(resp.Header, c.now()); wait > 0 {
			return max(least, wait+spread(min(wait/10, time.Second)))
		}
	}
	wait := most
	if n < 32 && least<<n > 0 && least<<n < most {
		wait = least << n
	}
	return max(least, min(most-spread(most/4), wait+spread(wait/2)))
}

// spread returns a random duration from 0 to d.
func spread(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d + 1)
}

// retryAfter reads the header Retry-After: seconds, or a date. A date is
// compared with the answer's own Date, so that a clock that is off here or
// there doesn't matter. It returns false when there is none to read.
func retryAfter(header http.Header, now time.Time) (time.Duration, bool) {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if text == "" {
		return 0, false
	}
	const limit = 365 * 24 * time.Hour
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if !(seconds >= 0) {
			return 0, false
		}
		return time.Duration(min(seconds, limit.Seconds()) * float64(time.Second)), true
	}
	date, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	if sent, err := http.ParseTime(header.Get("Date")); err == nil {
		now = sent
	}
	return max(0, min(date.Sub(now), limit)), true
}
