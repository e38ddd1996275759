// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/elastic/go-concert/timed"
)

// maxRetryAfter is the longest Retry-After that a request waits for. When the
// appliance asks for more, the request fails at once with FailureRateLimited or
// FailureServer and Error.RetryAfter set, so that the wait is the caller's.
const maxRetryAfter = 5 * time.Minute

// Failure is what failed, by which a caller may decide.
type Failure string

// These are tried again.
const (
	FailureUnreachable    Failure = "unreachable"     // no connection, or one that broke or stalled
	FailureServer         Failure = "server"          // the appliance says that it can't answer now
	FailureRateLimited    Failure = "rate_limited"    // too many requests; Error.RetryAfter says how long to wait
	FailureAnswer         Failure = "answer"          // neither a page nor a token: not JSON, an HTML page, a status without an answer
	FailureCursorRejected Failure = "cursor_rejected" // the mark is rejected; it counts when it comes again
)

// These are not: somebody has to change something, which does not happen within a minute.
const (
	FailureCredentials       Failure = "credentials"        // the client's id or secret, or its token, is refused
	FailureForbidden         Failure = "forbidden"          // the client is known and may not read the collection
	FailureCollectionUnknown Failure = "collection_unknown" // there is no such data collection
	FailureStatus            Failure = "status"             // any other status, such as 405
	FailureRedirect          Failure = "redirect"           // one that is not followed
	FailureTLS               Failure = "tls"                // the handshake failed, or the certificate is not trusted
	FailureBodyTooLarge      Failure = "body_too_large"     // more than request.max_body_size
	FailureCanceled          Failure = "canceled"           // the caller's context ended; errors.Is finds its error
)

// repeated is the one place that says which failures are tried again.
var repeated = []Failure{FailureUnreachable, FailureServer, FailureRateLimited, FailureAnswer, FailureCursorRejected}

// statusFailures says of the status of an answer what has failed: of pages, and of
// tokens where that differs. What isn't here is FailureServer from 500 on, and
// FailureStatus below.
var statusFailures = map[int]struct{ page, token Failure }{
	http.StatusBadRequest:          {page: FailureCursorRejected, token: FailureCredentials},
	http.StatusUnauthorized:        {page: FailureCredentials},
	http.StatusForbidden:           {page: FailureForbidden, token: FailureCredentials},
	http.StatusNotFound:            {page: FailureCollectionUnknown, token: FailureStatus},
	http.StatusRequestTimeout:      {page: FailureServer},
	http.StatusUnprocessableEntity: {page: FailureCursorRejected, token: FailureStatus},
	http.StatusTooManyRequests:     {page: FailureRateLimited},
}

// failureOf returns what has failed when the answer to a call has this status.
func (c *call) failureOf(status int) Failure {
	known := statusFailures[status]
	switch {
	case c.token && known.token != "":
		return known.token
	case known.page != "":
		return known.page
	case status >= http.StatusInternalServerError:
		return FailureServer
	}
	return FailureStatus
}

// call is one request with all its attempts.
type call struct {
	op      string // for errors: what is being done
	token   bool   // to the token endpoint
	mark    string // the cursor mark of a page request
	large   bool   // largePage is taken for it
	attempt int    // the attempt that is running, from 1
	bodyErr error  // why the body of this attempt could not be read to its end
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// do makes attempts until one succeeds, they are used up, or one fails in a way
// that is not tried again. The error is always an *Error.
func (c *Client) do(ctx context.Context, call *call, attempt func(context.Context) error) error {
	ctx = context.WithValue(ctx, callKey{}, call)
	rejected := false
	for call.attempt = 1; ; call.attempt++ {
		call.bodyErr = nil
		err := attempt(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return canceled(ctx, call.op)
		}
		e := c.requestError(ctx, call, err)
		e.Attempts = call.attempt
		last := call.attempt >= c.cfg.Request.Retry.MaxAttempts
		if e.Failure == FailureCursorRejected {
			last, rejected = rejected, true
		}
		if last || !slices.Contains(repeated, e.Failure) || e.RetryAfter > maxRetryAfter {
			return e
		}
		if timed.Wait(ctx, c.backoff(call.attempt-1, e.RetryAfter)) != nil {
			return canceled(ctx, call.op)
		}
		c.metrics.retries.Inc()
	}
}

// backoff returns the wait before another attempt: what the appliance asks for,
// else one that doubles with each of the n attempts before. A random part is added, so
// that several inputs don't try again at the same time.
func (c *Client) backoff(n int, asked time.Duration) time.Duration {
	least, most := c.cfg.Request.Retry.WaitMin, c.cfg.Request.Retry.WaitMax
	if asked > 0 {
		return max(least, asked+spread(min(asked/10, time.Second)))
	}
	wait := most
	if n < 32 && least<<n > 0 && least<<n < most {
		wait = least << n
	}
	return max(least, min(most-spread(most/4), wait+spread(wait/2)))
}

func spread(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d + 1)
}

// retryAfter reads the header Retry-After: seconds, or a date. A date is
// compared with the answer's own Date, so that a clock that is off here or
// there doesn't matter. It returns 0 when there is none to read.
func retryAfter(header http.Header, now time.Time) time.Duration {
	const limit = 365 * 24 * time.Hour
	text := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if !(seconds >= 0) {
			return 0
		}
		return time.Duration(min(seconds, limit.Seconds()) * float64(time.Second))
	}
	date, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	if sent, err := http.ParseTime(header.Get("Date")); err == nil {
		now = sent
	}
	return max(0, min(date.Sub(now), limit))
}
