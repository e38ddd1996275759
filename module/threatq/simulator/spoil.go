// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const loginHTML = `<!DOCTYPE html>
<html><head><title>ThreatQ - Sign in</title></head>
<body><form method="post" action="/login"><input name="email"><input name="password" type="password"></form></body></html>
`

// abort ends the connection without (the rest of) an answer. It doesn't return.
func (x *exchange) abort() {
	panic(http.ErrAbortHandler)
}

func (x *exchange) loginPage(*fault) {
	x.answer(http.StatusOK, "text/html; charset=UTF-8", []byte(loginHTML))
}

func (x *exchange) answerNothing(*fault) { x.answer(http.StatusOK, "application/json", nil) }

func (x *exchange) rejectCursor(f *fault) {
	x.fail(f.status, "Unable to parse cursorMark: the cursor is not valid any more.")
}

func (x *exchange) redirect(f *fault) {
	x.w.Header().Set("Location", strings.TrimRight(f.target, "/")+x.r.URL.RequestURI())
	x.count(f.status)
	x.w.WriteHeader(f.status)
}

func (x *exchange) failStatus(f *fault) {
	if after, _ := retryAfterHeader(f.retryAfter, x.s.cfg.Now()); after != "" { // checked by Inject
		x.w.Header().Set("Retry-After", after)
	}
	message := cmp.Or(http.StatusText(f.status), "Status "+strconv.Itoa(f.status)) + "."
	if x.endpoint != EndpointToken {
		x.fail(f.status, message)
		return
	}
	code := "server_error"
	switch {
	case f.status == http.StatusUnauthorized:
		code = "invalid_client"
	case f.status == http.StatusTooManyRequests || f.status == http.StatusServiceUnavailable:
		code = "temporarily_unavailable"
	case f.status < 500:
		code = "invalid_request"
	}
	x.failToken(f.status, code, message)
}

func (x *exchange) hang(f *fault) {
	x.wait(f.delay)
	x.reset(f)
}

// reset makes the kernel send a reset in place of an orderly end. The client gets an interim response before: without
// it, net/http and others take a reset for the end of a connection that was idle, and silently send the request again.
func (x *exchange) reset(*fault) {
	x.count(0)
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil { // a recorder
		x.abort()
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func (x *exchange) delay(f *fault, body []byte) {
	if !x.wait(f.delay) {
		x.reset(f)
		return
	}
	x.answer(http.StatusOK, "application/json", body)
}

func (x *exchange) withholdToken(*fault, []byte) {
	x.answer(http.StatusOK, "application/json", []byte(`{"token_type":"Bearer","message":"ok"}`))
}

// breakJSON makes valid JSON invalid.
func (x *exchange) breakJSON(f *fault, body []byte) {
	switch f.where {
	case "middle":
		// The first boundary of objects in the second half. In a string the quote would be escaped.
		half := len(body) / 2
		at := 1
		if boundary := bytes.Index(body[half:], []byte(`},{"`)); boundary >= 0 {
			at = half + boundary + len("},")
		}
		body = fmt.Appendf(nil, "%s<!-- -->%s", body[:at], body[at:])
	case "end":
		body = append(bytes.Clone(body[:len(body)-1]), "]\nFatal error: Maximum execution time exceeded"...)
	default:
		body = append([]byte("Warning: Undefined index\n"), body...)
	}
	x.answer(http.StatusOK, "application/json", body)
}

func (x *exchange) truncate(_ *fault, body []byte) {
	x.begin(len(body))
	x.send(body[:len(body)/2])
	x.abort()
}

func (x *exchange) stall(f *fault, body []byte) {
	half := len(body) / 2
	x.begin(len(body))
	x.send(body[:half])
	x.pause(f.delay)
	x.send(body[half:])
}

// drip sends the body in many pieces.
func (x *exchange) drip(f *fault, body []byte) {
	const pieces = 20
	x.begin(len(body))
	for i := range pieces {
		x.pause(max(f.delay/pieces, 1))
		x.send(body[len(body)*i/pieces : len(body)*(i+1)/pieces])
	}
}

// begin starts an answer that is sent in pieces, so that the client sees it begin.
func (x *exchange) begin(length int) {
	x.count(http.StatusOK)
	x.w.Header().Set("Content-Type", "application/json")
	x.w.Header().Set("Content-Length", strconv.Itoa(length))
	x.w.WriteHeader(http.StatusOK)
	x.send(nil)
}

// send writes and flushes. It doesn't return when the client has gone away.
func (x *exchange) send(b []byte) {
	if _, err := x.w.Write(b); err != nil || http.NewResponseController(x.w).Flush() != nil {
		x.abort()
	}
}

// pause is wait, and doesn't return when that is cut short.
func (x *exchange) pause(d time.Duration) {
	if !x.wait(d) {
		x.abort()
	}
}
