// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"bytes"
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

// streamWriter writes large answers without holding them in memory. After the first error it writes nothing.
type streamWriter struct {
	x   *exchange
	n   int64
	err error
}

func (w *streamWriter) Write(b []byte) (int, error) {
	if w.err == nil {
		select {
		case <-w.x.r.Context().Done():
			w.err = w.x.r.Context().Err()
		case <-w.x.s.closed:
			w.err = net.ErrClosed
		default:
			_, w.err = w.x.w.Write(b)
		}
	}
	w.n += int64(len(b))
	return len(b), w.err
}

// fill writes about n bytes of a repeated piece, in whole pieces.
func (w *streamWriter) fill(piece string, n int64) {
	block := bytes.Repeat([]byte(piece), max(1, 32<<10/len(piece)))
	count := n / int64(len(piece))
	perBlock := int64(len(block) / len(piece))
	for ; count > 0 && w.err == nil; count -= perBlock {
		_, _ = w.Write(block[:min(count, perBlock)*int64(len(piece))])
	}
}

// stream answers with a page that costs the client more than it should.
func (x *exchange) stream(f *Fault, req pageRequest) {
	s := x.s
	items, last, total, _ := s.collection.page(nil, req.after, req.limit)
	next := req.mark
	if len(items) > 0 && req.mark != "" {
		next = s.marker.mark(last, 0)
	}
	x.count(http.StatusOK)
	x.w.Header().Set("Content-Type", "application/json")
	x.w.WriteHeader(http.StatusOK)
	w := &streamWriter{x: x}
	b := append(strconv.AppendInt([]byte(`{"total":`), int64(total), 10), `,"data":[`...)
	_, _ = w.Write(b)
	var m model
	bloated := false
	for i := 0; i < len(items) && w.err == nil; i++ {
		b = b[:0]
		if i > 0 {
			b = append(b, ',')
		}
		_, _ = w.Write(b)
		if !bloated && items[i].override == nil {
			s.collection.gen.model(&m, items[i].index, items[i].variant)
			if m.broken == notBroken {
				bloated = true
				x.bloat(w, f, &m, req.fields)
				continue
			}
		}
		_, _ = w.Write(s.appendItem(b[:0], &m, items[i], req.fields))
	}
	switch f.Kind {
	case KindEndless:
		x.endless(w, f, req, len(items) > 0)
		x.abort()
	case KindOversized:
		_, _ = io.WriteString(w, `],"padding":"`)
		tail := appendPageEnd([]byte(`"`), next)
		w.fill("x", f.Size-w.n-int64(len(tail))+1)
		b = append(append(b[:0], '"'), bytes.TrimPrefix(appendPageEnd(nil, next), []byte("]"))...)
	default:
		b = appendPageEnd(b[:0], next)
	}
	if _, _ = w.Write(b); w.err != nil {
		x.abort()
	}
	s.stats.page(req.mark, next, len(items), int(w.n))
}

// bloat writes an indicator with what the fault puts into it.
func (x *exchange) bloat(w *streamWriter, f *Fault, m *model, set keys) {
	tail := func(without keys) {
		rest := m.append(nil, set&^without)
		if rest[0] = ','; len(rest) == len("{}") {
			rest = rest[1:]
		}
		_, _ = w.Write(rest)
	}
	switch f.Kind {
	case KindNested:
		_, _ = io.WriteString(w, `{"x_nested":`)
		w.fill("[", f.Size)
		w.fill("]", f.Size)
		tail(0)
	case KindHuge:
		_, _ = io.WriteString(w, `{"description":"`)
		w.fill("x", f.Size)
		_, _ = io.WriteString(w, `"`)
		tail(keyDescription)
	case KindMany:
		_, _ = io.WriteString(w, `{"attributes":[`)
		var b []byte
		for i := int64(0); i < f.Size && w.err == nil; i++ {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, `{"attribute_id":1,"id":`...)
			b = strconv.AppendInt(b, i+1, 10)
			b = append(b, `,"name":"Attribute `...)
			b = strconv.AppendInt(b, i, 10)
			b = append(b, `","value":"`...)
			b = strconv.AppendInt(b, i, 10)
			b = append(b, `"}`...)
			if len(b) > 32<<10 || i == f.Size-1 {
				_, _ = w.Write(b)
				b = b[:0]
			}
		}
		_, _ = io.WriteString(w, `]`)
		tail(keyAttributes)
	default:
		_, _ = w.Write(m.append(nil, set))
	}
}

// endless writes indicators that the collection never holds until the client has had enough, or the size is reached.
func (x *exchange) endless(w *streamWriter, f *Fault, req pageRequest, some bool) {
	gen := x.s.collection.gen
	var m model
	var b []byte
	for index := 2 * maxIndicators; w.err == nil && (f.Size == 0 || w.n < f.Size); index++ {
		b = b[:0]
		if some {
			b = append(b, ',')
		}
		some = true
		gen.model(&m, index, variant{sec: gen.base})
		_, _ = w.Write(m.append(b, req.fields))
	}
}
