// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"net/http"
	"strconv"
	"strings"
)

// defaultPageSize is the number of indicators on a page whose request has no limit.
const defaultPageSize = 25

// pageRequest is a request for a page, checked.
type pageRequest struct {
	mark   string // empty: none was sent
	after  position
	limit  int
	fields keys
}

// page is a rendered page.
type page struct {
	body       []byte
	next       string
	indicators int
}

func (s *Simulator) serveData(x *exchange) {
	mark := x.r.URL.Query().Get("cursorMark")
	fault := s.faults.next(x.endpoint, mark)
	if fault != nil && !fault.Kind.needsBody() {
		s.stats.fault(fault)
		x.replace(fault)
		return
	}
	req, ok := s.readDataRequest(x)
	if !ok {
		s.faults.giveBack(fault)
		return
	}
	if s.cfg.Latency > 0 && !x.wait(s.cfg.Latency) {
		s.faults.giveBack(fault)
		x.count(0)
		x.reset()
		return
	}
	s.collection.touch(s.updates.take(s.cfg.Now()), true)
	s.collection.leave(s.leaves.take(s.cfg.Now()))
	s.collection.join(s.joins.take(s.cfg.Now()))
	if fault != nil {
		s.stats.fault(fault)
		x.spoilPage(fault, req)
		return
	}
	buf := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buf)
	p := s.page(buf, req)
	s.stats.page(req.mark, p.next, p.indicators, len(p.body))
	x.answer(http.StatusOK, "application/json", p.body)
}

// readDataRequest checks a data request, and answers it when it is refused.
func (s *Simulator) readDataRequest(x *exchange) (req pageRequest, ok bool) {
	if x.r.Method != http.MethodGet {
		x.w.Header().Set("Allow", http.MethodGet)
		x.fail(http.StatusMethodNotAllowed, "The method is not allowed, it must be GET.")
		return req, false
	}
	if problem := s.tokens.check(x.r.Header.Get("Authorization")); problem != "" {
		x.w.Header().Set("WWW-Authenticate", `Bearer realm="ThreatQ", error="invalid_token"`)
		x.fail(http.StatusUnauthorized, problem)
		return req, false
	}
	if strings.TrimPrefix(x.r.URL.Path, DataPath) != s.cfg.DataCollectionID {
		x.fail(http.StatusNotFound, "The data collection does not exist.")
		return req, false
	}
	query := x.r.URL.Query()
	switch query.Get("sort") {
	case "", "updated_at", "+updated_at":
	default:
		x.fail(http.StatusBadRequest, "The sort is not supported, it must be updated_at.")
		return req, false
	}
	req.limit = defaultPageSize
	if query.Has("limit") {
		n, err := strconv.Atoi(query.Get("limit"))
		if err != nil || n < 1 {
			x.fail(http.StatusBadRequest, "The limit must be a number, 1 or more.")
			return req, false
		}
		req.limit = n
	}
	req.limit = min(req.limit, s.cfg.MaxPageSize)
	req.fields = parseFields(query.Get("fields"))
	req.mark, req.after = query.Get("cursorMark"), startPosition
	if query.Has("cursorMark") {
		var err error
		if req.after, err = s.marker.position(req.mark); err != nil {
			x.fail(http.StatusBadRequest, "Invalid cursor: "+err.Error()+".")
			return req, false
		}
	}
	return req, true
}

// page renders a page, into *buf unless it comes from the cache or goes there.
func (s *Simulator) page(buf *[]byte, req pageRequest) page {
	if s.cache.limit == 0 {
		p := s.render((*buf)[:0], req, nil)
		*buf = p.body
		return p
	}
	key := cacheKey{req.after, req.mark, req.limit, req.fields}
	if p, ok := s.cache.get(key, s.collection.changeCount()); ok {
		return p
	}
	var changes uint64
	p := s.render(nil, req, &changes)
	s.cache.put(key, changes, p)
	return p
}

// render appends a page to b, and tells at how many changes of the collection it did.
func (s *Simulator) render(b []byte, req pageRequest, changes *uint64) page {
	items, last, total, n := s.collection.page(make([]item, 0, min(req.limit, s.collection.len())), req.after, req.limit)
	if changes != nil {
		*changes = n
	}
	next := req.mark
	if len(items) > 0 && req.mark != "" {
		next = s.marker.mark(last, 0)
	}
	if cap(b) == 0 {
		b = make([]byte, 0, 256+len(items)*1800)
	}
	b = s.appendPageStart(b, req, total)
	var m model
	for i, it := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = s.appendItem(b, &m, it, req.fields)
	}
	return page{body: appendPageEnd(b, next), next: next, indicators: len(items)}
}

// appendPageStart writes all that comes before the indicators. Untidy appliances leave the total out of one page in
// twenty.
func (s *Simulator) appendPageStart(b []byte, req pageRequest, total int) []byte {
	b = append(b, '{')
	if s.cfg.Untidy == 0 || mix(s.cfg.Seed^uint64(req.after.sec)^uint64(req.after.id)<<20)%20 != 0 {
		b = append(b, `"total":`...)
		b = strconv.AppendInt(b, int64(total), 10)
		b = append(b, ',')
	}
	return append(b, `"data":[`...)
}

func appendPageEnd(b []byte, next string) []byte {
	b = append(b, ']')
	if next != "" {
		b = append(b, `,"nextCursorMark":`...)
		b = appendQuoted(b, next)
	}
	return append(b, '}')
}

// appendItem writes an indicator. It uses m as scratch memory.
func (s *Simulator) appendItem(b []byte, m *model, it item, set keys) []byte {
	s.collection.gen.model(m, it.index, it.variant)
	if it.override != nil {
		return it.override.append(b, m, set)
	}
	return m.append(b, set)
}
