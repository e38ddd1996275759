// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Error is the only type of error that Client's methods return. Its text is
// one plain sentence: what was being done, the cause, what to do. It never
// holds a token, a secret or a proxy's password.
type Error struct {
	// Failure is what failed.
	Failure Failure
	// Op is what was being done, such as "requesting a token from https://...".
	Op string
	// Status is the HTTP status of the last answer, 0 when there was none.
	Status int
	// Attempts is how often it was tried.
	Attempts int
	// RetryAfter is how long the appliance asks to wait, 0 when it doesn't say.
	RetryAfter time.Duration
	// Reason is the cause in plain words.
	Reason string
	// Hint is what to do about it, "" when the cause says it all.
	Hint string

	err error // for errors.Is and errors.As; its text is not shown
}

// Error returns the sentence.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " failed after %d attempts", e.Attempts)
	}
	b.WriteString(": ")
	b.WriteString(e.Reason)
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, " (it asks to wait %v)", e.RetryAfter.Round(time.Millisecond))
	}
	if e.Hint != "" {
		b.WriteString("; ")
		b.WriteString(e.Hint)
	}
	return b.String()
}

// Unwrap returns the context's error for FailureCanceled and nil for the others:
// the errors of net/http may hold what must not be shown.
func (e *Error) Unwrap() error { return e.err }

// canceled returns the Error for an ended context.
func canceled(ctx context.Context, op string) *Error {
	e := &Error{Failure: FailureCanceled, Op: op, Reason: "stopped before it was done", err: ctx.Err()}
	if errors.Is(e.err, context.DeadlineExceeded) {
		e.Reason = "not done within the time that was given"
	}
	return e
}

// statusError returns the Error for an answer whose status says that it holds
// nothing to read. The call says what was asked for, body is how the answer's
// body begins.
func (c *Client) statusError(call *call, resp *http.Response, body []byte) *Error {
	status := resp.StatusCode
	e := &Error{Op: call.op, Status: status, Failure: call.failureOf(status)}
	says := func(reason, hint string) *Error {
		e.Reason, e.Hint = reason, hint
		return e
	}
	answered := "the appliance answered " + statusText(status)
	if product := otherProduct(resp.Header, body); product != "" {
		e.Failure = FailureAnswer
		return says(fmt.Sprintf("%s answers there, and not ThreatQ (%d)", product, status), "set url to the address of the ThreatQ appliance")
	}
	switch e.Failure {
	case FailureRateLimited:
		e.RetryAfter = retryAfter(resp.Header, c.now())
		return says(fmt.Sprintf("the appliance answers that there are too many requests (%d)", status),
			"lower the load with request.rate_limit.limit or a longer interval")
	case FailureServer:
		e.RetryAfter = retryAfter(resp.Header, c.now())
		return says(answered, "look at the appliance's own logs")
	case FailureCredentials:
		if call.token {
			return says(fmt.Sprintf("the appliance refuses the client's id or secret (%d)", status),
				"check auth.oauth2.client.id and auth.oauth2.client.secret")
		}
		return says(fmt.Sprintf("the appliance refuses a token that it issued a moment ago (%d)", status),
			"check in ThreatQ that the API client is enabled and may read threat data")
	case FailureForbidden:
		return says(fmt.Sprintf("the API client may not read it (%d)", status),
			"give the API client of auth.oauth2.client.id a role in ThreatQ that may read the data collection")
	case FailureCollectionUnknown:
		return says(fmt.Sprintf("the appliance knows no such data collection (%d)", status), "check data_collection_id and url")
	case FailureCursorRejected:
		if !isJSONObject(body) {
			e.Failure = FailureAnswer
			return says(answered+" without the JSON of an appliance's answer",
				"something in between may refuse the request; if it is the appliance that refuses the cursor, run threatqbeat cursor reset")
		}
		if call.mark != StartMark {
			return says(fmt.Sprintf("the appliance rejects the cursor mark %q (%d)", scrub(call.mark), status),
				"collection has to start over from the beginning")
		}
		e.Failure = FailureStatus // there is no mark that it could reject
	}
	switch {
	case status == http.StatusProxyAuthRequired:
		return says("the proxy wants a user name and a password (407)", "put them into request.proxy_url")
	case status >= 300 && status < 400:
		return says(answered+" without saying where to", "check url")
	case call.token:
		return says(answered, "check url or auth.oauth2.token_url")
	}
	return says(answered, "check url, page_size and fields_param")
}

func isJSONObject(body []byte) bool {
	var object map[string]json.RawMessage
	return json.Unmarshal(body, &object) == nil && object != nil
}

// noAnswer reports whether a status comes without an answer that could be read to
// its end: the body of a 101 is the connection itself, that of a 206 a part.
func noAnswer(status int) bool {
	switch status {
	case http.StatusNoContent, http.StatusResetContent, http.StatusPartialContent:
		return true
	}
	return status < 200
}

// statusText returns a status with its name, such as "503 (Service Unavailable)".
func statusText(status int) string {
	if name := http.StatusText(status); name != "" {
		return fmt.Sprintf("%d (%s)", status, name)
	}
	return fmt.Sprint(status)
}

// otherProduct recognises servers that a url is sometimes set to by mistake; "" for
// any other.
func otherProduct(header http.Header, body []byte) string {
	switch {
	case header.Get("X-Elastic-Product") != "", bytes.Contains(body, []byte(`"security_exception"`)):
		return "Elasticsearch" // it names itself to those only whose credentials it accepts
	case header.Get("Kbn-Name") != "":
		return "Kibana"
	}
	return ""
}
