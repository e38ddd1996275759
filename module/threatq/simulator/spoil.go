// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
)

const loginPage = `<!DOCTYPE html>
<html><head><title>ThreatQ - Sign in</title></head>
<body><form method="post" action="/login"><input name="email"><input name="password" type="password"></form></body></html>
`

// abort ends the connection without (the rest of) an answer. It doesn't return.
func (x *exchange) abort() {
	panic(http.ErrAbortHandler)
}

// replace answers with a fault in place of what the request asks for.
func (x *exchange) replace(f *Fault) {
	// Only when the body was read does net/http notice that the client goes away.
	_, _ = io.Copy(io.Discard, io.LimitReader(x.r.Body, maxTokenRequest))
	switch f.Kind {
	case KindStatus:
		x.failStatus(f)
	case KindRejected:
		x.fail(f.Status, "Unable to parse cursorMark: the cursor is not valid any more.")
	case KindReset:
		x.count(0)
		x.reset()
	case KindHang:
		x.count(0)
		x.wait(f.Delay)
		x.reset()
	case KindHTML:
		x.answer(http.StatusOK, "text/html; charset=UTF-8", []byte(loginPage))
	case KindEmpty:
		x.answer(http.StatusOK, "application/json", nil)
	case KindRedirect:
		x.count(f.Status)
		target := strings.TrimRight(f.Target, "/") + x.r.URL.RequestURI()
		x.w.Header().Set("Location", target)
		x.w.Header().Set("Content-Length", "0")
		x.w.WriteHeader(f.Status)
	}
}

func (x *exchange) failStatus(f *Fault) {
	if after, _ := retryAfterHeader(f.RetryAfter, x.s.cfg.Now()); after != "" { // validated by Inject
		x.w.Header().Set("Retry-After", after)
	}
	message := http.StatusText(f.Status)
	if message == "" {
		message = "Status " + strconv.Itoa(f.Status)
	}
	if x.endpoint != EndpointToken {
		x.fail(f.Status, message+".")
		return
	}
	code := "server_error"
	switch {
	case f.Status == http.StatusUnauthorized:
		code = "invalid_client"
	case f.Status == http.StatusTooManyRequests || f.Status == http.StatusServiceUnavailable:
		code = "temporarily_unavailable"
	case f.Status < 500:
		code = "invalid_request"
	}
	x.failToken(f.Status, code, message+".")
}

// reset makes the kernel send a reset in place of an orderly end. The client gets an interim response before: without
// it, net/http and others take a reset for the end of a connection that was idle, and silently send the request again.
func (x *exchange) reset() {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil { // a recorder, or HTTP/2
		x.abort()
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
	raw := conn
	if t, ok := raw.(interface{ NetConn() net.Conn }); ok {
		raw = t.NetConn()
	}
	if t, ok := raw.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = raw.Close()
}

// spoil sends the body of a right answer in a wrong way.
func (x *exchange) spoil(f *Fault, body []byte) {
	x.w.Header().Set("Content-Type", "application/json")
	switch f.Kind {
	case KindDelay:
		if !x.wait(f.Delay) {
			x.count(0)
			x.reset()
			return
		}
	case KindNoToken:
		body = []byte(`{"token_type":"Bearer","message":"ok"}`)
	case KindBadJSON:
		body = breakJSON(body, f.Where)
	case KindTruncated, KindStalled, KindSlow:
		x.drip(f, body)
		return
	}
	x.answer(http.StatusOK, "application/json", body)
}

// drip sends the body, or a part of it, slowly.
func (x *exchange) drip(f *Fault, body []byte) {
	const pieces = 20
	x.count(http.StatusOK)
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(http.StatusOK)
	x.send(nil) // so that the client sees an answer begin
	half := len(body) / 2
	switch f.Kind {
	case KindTruncated:
		x.send(body[:half])
		x.abort()
	case KindStalled:
		if !x.send(body[:half]) || !x.wait(f.Delay) || !x.send(body[half:]) {
			x.abort()
		}
	case KindSlow:
		for i := range pieces {
			if !x.wait(max(f.Delay/pieces, 1)) || !x.send(body[len(body)*i/pieces:len(body)*(i+1)/pieces]) {
				x.abort()
			}
		}
	}
}

// send writes and flushes. It reports false when the client has gone away.
func (x *exchange) send(b []byte) bool {
	if _, err := x.w.Write(b); err != nil {
		return false
	}
	return http.NewResponseController(x.w).Flush() == nil
}

// breakJSON makes valid JSON invalid.
func breakJSON(body []byte, where string) []byte {
	switch where {
	case "middle":
		// The first boundary of objects in the second half. In a string the quote would be escaped.
		half := len(body) / 2
		at := bytes.Index(body[half:], []byte(`},{"`))
		if at < 0 {
			half, at = 0, 1
		} else {
			at += 2
		}
		return append(append(append([]byte{}, body[:half+at]...), `<!-- -->`...), body[half+at:]...)
	case "end":
		return append(bytes.Clone(body[:len(body)-1]), "]\nFatal error: Maximum execution time exceeded"...)
	}
	return append([]byte("Warning: Undefined index\n"), body...)
}

// spoilPage answers a data request that is in order with a page that isn't.
func (x *exchange) spoilPage(f *Fault, req pageRequest) {
	s := x.s
	switch f.Kind {
	case KindOversized, KindEndless, KindNested, KindHuge, KindMany:
		x.stream(f, req)
		return
	}
	p := s.render(nil, req, nil)
	switch f.Kind {
	case KindStuck, KindRepeat, KindLoop:
		next := req.mark
		if f.Kind == KindRepeat {
			next = s.marker.mark(req.after, s.marker.salt(req.mark)+1)
		}
		if f.Kind == KindLoop {
			next = s.marker.mark(startPosition, s.marker.salt(req.mark)+1)
		}
		if p.indicators > 0 && req.mark != "" {
			end := len(p.body) - len(appendPageEnd(nil, p.next))
			p.body = appendPageEnd(p.body[:end], next)
			p.next = next
		}
		s.stats.page(req.mark, p.next, p.indicators, len(p.body))
		x.answer(http.StatusOK, "application/json", p.body)
	default:
		if f.Kind == KindDelay || f.Kind == KindSlow {
			defer s.stats.page(req.mark, p.next, p.indicators, len(p.body))
		}
		x.spoil(f, p.body)
	}
}

// repeat reads as so many copies of a byte, so that a large answer is never held in memory.
type repeat struct {
	c byte
	n int64
}

func (r *repeat) Read(b []byte) (int, error) {
	if r.n <= 0 {
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), r.n)]
	for i := range b {
		b[i] = r.c
	}
	r.n -= int64(len(b))
	return len(b), nil
}

// generated reads as what the function returns for 0, 1 and so on, until that is nothing.
type generated struct {
	next func(i int64) []byte
	i    int64
	left []byte
}

func (g *generated) Read(b []byte) (int, error) {
	if len(g.left) == 0 {
		g.left = g.next(g.i)
		g.i++
	}
	if len(g.left) == 0 {
		return 0, io.EOF
	}
	n := copy(b, g.left)
	g.left = g.left[n:]
	return n, nil
}

// stream answers with a page that costs the client more than it should.
func (x *exchange) stream(f *Fault, req pageRequest) {
	s := x.s
	items, last, total, _ := s.collection.page(nil, req.after, req.limit)
	next := req.mark
	if len(items) > 0 && req.mark != "" {
		next = s.marker.mark(last, 0)
	}
	page := []io.Reader{strings.NewReader(`{"total":` + strconv.Itoa(total) + `,"data":[`)}
	size := int64(len(`{"total":,"data":[`) + len(strconv.Itoa(total)))
	add := func(b []byte) {
		page = append(page, bytes.NewReader(b))
		size += int64(len(b))
	}
	var m model
	bloated := false
	for i, it := range items {
		if i > 0 {
			add([]byte{','})
		}
		indicator := s.appendItem(nil, &m, it, req.fields)
		if !bloated && it.override == nil && m.broken == notBroken {
			bloated = true
			page = append(page, bloat(f, &m, req.fields)...)
			if f.Kind != KindOversized && f.Kind != KindEndless {
				continue
			}
		}
		add(indicator)
	}
	end := appendPageEnd(nil, next)
	switch f.Kind {
	case KindEndless:
		page = append(page, s.endless(f, req, len(items) > 0, size))
		end = nil
	case KindOversized:
		add([]byte(`],"padding":"`))
		end = append([]byte{'"'}, end[1:]...)
		page = append(page, &repeat{'x', f.Size - size - int64(len(end))})
	}
	x.count(http.StatusOK)
	x.w.Header().Set("Content-Type", "application/json")
	x.w.WriteHeader(http.StatusOK)
	n, err := io.Copy(x, io.MultiReader(append(page, bytes.NewReader(end))...))
	if err != nil || f.Kind == KindEndless {
		x.abort()
	}
	s.stats.page(req.mark, next, len(items), int(n))
}

// Write sends a part of a large answer, until the client has gone away or the simulator is closed.
func (x *exchange) Write(b []byte) (int, error) {
	select {
	case <-x.r.Context().Done():
		return 0, x.r.Context().Err()
	case <-x.s.closed:
		return 0, net.ErrClosed
	default:
		return x.w.Write(b)
	}
}

// bloat is an indicator with what the fault puts into it, if anything.
func bloat(f *Fault, m *model, set keys) []io.Reader {
	rest := func(prefix string, without keys) io.Reader {
		b := m.append(nil, set&^without)
		if b[0] = ','; len(b) == len("{}") {
			b = b[1:]
		}
		return io.MultiReader(strings.NewReader(prefix), bytes.NewReader(b))
	}
	switch f.Kind {
	case KindNested:
		return []io.Reader{strings.NewReader(`{"x_nested":`), &repeat{'[', f.Size}, &repeat{']', f.Size}, rest("", 0)}
	case KindHuge:
		return []io.Reader{strings.NewReader(`{"description":"`), &repeat{'x', f.Size}, rest(`"`, keyDescription)}
	case KindMany:
		return []io.Reader{strings.NewReader(`{"attributes":[`), &generated{next: func(i int64) []byte {
			if i == f.Size {
				return nil
			}
			b := fmt.Appendf(nil, `,{"attribute_id":1,"id":%d,"name":"Attribute %d","value":"%d"}`, i+1, i, i)
			return b[min(1, max(0, 1-i)):]
		}}, rest(`]`, keyAttributes)}
	}
	return nil
}

// endless reads as indicators that the collection never holds, without end or until the page has the fault's size.
func (s *Simulator) endless(f *Fault, req pageRequest, some bool, size int64) io.Reader {
	var m model
	return &generated{next: func(i int64) (b []byte) {
		if f.Size > 0 && size >= f.Size {
			return nil
		}
		if some || i > 0 {
			b = append(b, ',')
		}
		s.collection.gen.model(&m, 2*maxIndicators+int(i), variant{sec: s.collection.gen.base})
		b = m.append(b, req.fields)
		size += int64(len(b))
		return b
	}}
}
