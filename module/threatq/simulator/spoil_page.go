// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
)

// stickToMark answers with a page of indicators whose next mark is the one that was sent.
func (x *exchange) stickToMark(_ *fault, req pageRequest, p page) {
	x.answerWithNext(req, p, req.mark)
}

// repeatPage answers with the right page and a next mark that yields it again.
func (x *exchange) repeatPage(_ *fault, req pageRequest, p page) {
	x.answerWithNext(req, p, x.s.marker.mark(req.after, x.s.marker.salt(req.mark)+1))
}

// loopToStart answers with the right page and a next mark that leads back to the start.
func (x *exchange) loopToStart(_ *fault, req pageRequest, p page) {
	x.answerWithNext(req, p, x.s.marker.mark(startPosition, x.s.marker.salt(req.mark)+1))
}

func (x *exchange) answerWithNext(req pageRequest, p page, next string) {
	if p.indicators > 0 && req.mark != "" {
		p.body, p.next = appendPageEnd(p.withoutEnd(), next), next
	}
	x.s.stats.page(req.mark, p)
	x.answer(http.StatusOK, "application/json", p.body)
}

// padPage answers with a page that has the fault's size.
func (x *exchange) padPage(f *fault, req pageRequest, p page) {
	const key, quote = `,"padding":"`, `"`
	x.stream(req, p, func(w *bufio.Writer) {
		at := len(p.withoutEnd()) + len("]")
		w.Write(p.body[:at])
		w.WriteString(key)
		repeat(w, 'x', f.size-int64(len(p.body)+len(key)+len(quote)))
		w.WriteString(quote)
		w.Write(p.body[at:])
	})
}

// neverEnd answers with indicators that the collection never holds, without end or until the page has the fault's size.
func (x *exchange) neverEnd(f *fault, req pageRequest, p page) {
	gen, asked := &x.s.gen, parseFields(req.fields)
	x.stream(req, p, func(w *bufio.Writer) {
		start := p.withoutEnd()
		size, separator := int64(len(start)), ","
		if p.indicators == 0 {
			separator = ""
		}
		_, err := w.Write(start)
		for i := 0; err == nil && (f.size == 0 || size < f.size); i++ {
			indicator := gen.indicator([]byte(separator), item{index: 2*maxIndicators + i, entry: entry{sec: gen.base}}, asked)
			size, separator = size+int64(len(indicator)), ","
			_, err = w.Write(indicator)
		}
		w.Flush()
		x.send(nil)
		x.abort()
	})
}

// bloat answers with a page of which one indicator holds more than it should.
func (x *exchange) bloat(f *fault, req pageRequest, p page) {
	x.stream(req, p, func(w *bufio.Writer) {
		if p.sample == nil {
			w.Write(p.body)
			return
		}
		gen, asked := &x.s.gen, parseFields(req.fields)
		before, after, _ := bytes.Cut(p.body, gen.indicator(nil, *p.sample, asked))
		w.Write(before)
		replaced := ""
		switch f.name {
		case "nested":
			w.WriteString(`{"x_nested":`)
			repeat(w, '[', f.size)
			repeat(w, ']', f.size)
		case "huge":
			replaced = "description"
			w.WriteString(`{"description":"`)
			repeat(w, 'x', f.size)
			w.WriteByte('"')
		case "many":
			replaced = "attributes"
			w.WriteString(`{"attributes":[`)
			for i := range f.size {
				if i > 0 {
					w.WriteByte(',')
				}
				fmt.Fprintf(w, `{"attribute_id":1,"id":%d,"name":"Attribute %d","value":"%d"}`, i+1, i, i)
			}
			w.WriteByte(']')
		}
		rest := gen.indicator(nil, *p.sample, asked.without(replaced))
		if len(rest) > len("{}") {
			w.WriteByte(',')
		}
		w.Write(rest[1:])
		w.Write(after)
	})
}

func repeat(w *bufio.Writer, c byte, n int64) {
	for range n {
		w.WriteByte(c)
	}
}

// stream sends a page that is too large to be held.
func (x *exchange) stream(req pageRequest, p page, write func(w *bufio.Writer)) {
	x.count(http.StatusOK)
	x.w.Header().Set("Content-Type", "application/json")
	x.w.WriteHeader(http.StatusOK)
	w := bufio.NewWriter(x)
	write(w)
	if w.Flush() != nil { // holds the first error of all writes
		x.abort()
	}
	x.s.stats.page(req.mark, p)
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
