// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

const (
	defaultPageSize = 25     // of a request without a limit
	maxPageSize     = 10_000 // a larger limit is served as this one
)

// pageRequest is a request for a page, checked.
type pageRequest struct {
	mark   string // empty: none was sent
	after  position
	limit  int
	fields string // as sent
}

// page is a rendered page.
type page struct {
	body       []byte
	next       string
	indicators int
	sample     *item // one of the indicators that can be read and is as computed, if there is one
}

func (s *Simulator) serveData(x *exchange) {
	x.serve(x.r.URL.Query().Get("cursorMark"), func() (answer func(*fault)) {
		req, ok := s.readDataRequest(x)
		if !ok {
			return nil
		}
		if s.cfg.Latency > 0 && !x.wait(s.cfg.Latency) {
			x.reset(nil)
			return nil
		}
		s.touch(s.updates.take(s.cfg.Now()), true)
		s.Leave(s.leaves.take(s.cfg.Now()))
		s.Join(s.joins.take(s.cfg.Now()))
		return func(f *fault) {
			switch {
			case f == nil:
				p := s.page(req)
				s.stats.page(req.mark, p)
				x.answer(http.StatusOK, "application/json", p.body)
			case f.spoilPage != nil:
				p, _ := s.render(req)
				f.spoilPage(x, f, req, p)
			default:
				p, _ := s.render(req)
				if f.name == "delay" || f.name == "slow" { // the page is right in the end
					s.stats.page(req.mark, p)
				}
				f.spoil(x, f, p.body)
			}
		}
	})
}

// readDataRequest checks a data request, and answers it when it is refused.
func (s *Simulator) readDataRequest(x *exchange) (req pageRequest, ok bool) {
	query := x.r.URL.Query()
	sort := query.Get("sort")
	limit, limitErr := strconv.Atoi(cmp.Or(query.Get("limit"), strconv.Itoa(defaultPageSize)))
	req = pageRequest{
		mark: query.Get("cursorMark"), after: startPosition,
		limit: min(limit, maxPageSize), fields: query.Get("fields"),
	}
	var markErr error
	if query.Has("cursorMark") {
		req.after, markErr = s.marker.position(req.mark)
	}
	tokenProblem := s.tokens.check(x.r.Header.Get("Authorization"), s.cfg.Now())
	switch {
	case x.r.Method != http.MethodGet:
		x.w.Header().Set("Allow", http.MethodGet)
		x.fail(http.StatusMethodNotAllowed, "The method is not allowed, it must be GET.")
	case tokenProblem != "":
		x.w.Header().Set("WWW-Authenticate", `Bearer realm="ThreatQ", error="invalid_token"`)
		x.fail(http.StatusUnauthorized, tokenProblem)
	case strings.TrimPrefix(x.r.URL.Path, DataPath) != s.cfg.DataCollectionID:
		x.fail(http.StatusNotFound, "The data collection does not exist.")
	case sort != "" && sort != "updated_at" && sort != "+updated_at":
		x.fail(http.StatusBadRequest, "The sort is not supported, it must be updated_at.")
	case limitErr != nil || limit < 1:
		x.fail(http.StatusBadRequest, "The limit must be a number, 1 or more.")
	case markErr != nil:
		x.fail(http.StatusBadRequest, "Invalid cursor: "+markErr.Error()+".")
	default:
		return req, true
	}
	return req, false
}

// page renders a page unless it is in the cache.
func (s *Simulator) page(req pageRequest) page {
	if p, ok := s.cache.get(req, s.changeCount()); ok {
		return p
	}
	p, changes := s.render(req)
	s.cache.put(req, changes, p)
	return p
}

// render makes a page, and tells at how many changes of the collection it did. Untidy appliances leave the total out of
// one page in twenty.
func (s *Simulator) render(req pageRequest) (p page, changes uint64) {
	items, last, total, changes := s.collection.page(req.after, req.limit)
	p = page{next: req.mark, indicators: len(items)}
	if len(items) > 0 && req.mark != "" {
		p.next = s.marker.mark(last, 0)
	}
	asked := parseFields(req.fields)
	b := append(make([]byte, 0, 256+len(items)*len(asked.keys)*80), '{')
	if s.cfg.Untidy == 0 || mix(s.cfg.Seed^uint64(req.after.sec)^uint64(req.after.id)<<20)%20 != 0 {
		b = fmt.Appendf(b, `"total":%d,`, total)
	}
	b = append(b, `"data":[`...)
	for i, it := range items {
		if i > 0 {
			b = append(b, ',')
		}
		start := len(b)
		b = s.gen.indicator(b, it, asked)
		if p.sample == nil && it.override == nil && b[start] == '{' {
			sample := it
			p.sample = &sample
		}
	}
	p.body = appendPageEnd(b, p.next)
	return p, changes
}

// withoutEnd returns what comes before the end of the list of indicators.
func (p page) withoutEnd() []byte { return p.body[:len(p.body)-len(appendPageEnd(nil, p.next))] }

func appendPageEnd(b []byte, next string) []byte {
	b = append(b, ']')
	if next != "" {
		b = append(b, `,"nextCursorMark":`...)
		b = appendQuoted(b, next)
	}
	return append(b, '}')
}

// pageCache holds rendered pages of the collection as of one number of changes. Pages that come from it are shared
// and never written to.
type pageCache struct {
	limit int64 // bytes

	mu      sync.Mutex
	changes uint64
	size    int64
	pages   map[pageRequest]page
}

func (c *pageCache) get(req pageRequest, changes uint64) (page, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != changes {
		return page{}, false
	}
	p, ok := c.pages[req]
	return p, ok
}

func (c *pageCache) put(req pageRequest, changes uint64, p page) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != changes || c.pages == nil {
		c.pages, c.size, c.changes = make(map[pageRequest]page), 0, changes
	}
	if _, ok := c.pages[req]; ok || c.size+int64(len(p.body)) > c.limit {
		return
	}
	c.pages[req] = p
	c.size += int64(len(p.body))
}

// Warm renders the whole collection into the page cache, in pages of that limit and with that fields parameter, as
// far as Config.PageCacheBytes allows. It returns their size.
func (s *Simulator) Warm(limit int, fields string) (bytes int64) {
	req := pageRequest{mark: StartMark, after: startPosition, limit: min(limit, maxPageSize), fields: fields}
	for bytes < s.cache.limit {
		p := s.page(req)
		bytes += int64(len(p.body))
		if p.indicators == 0 {
			break
		}
		req.mark = p.next
		req.after, _ = s.marker.position(p.next) // written by render
	}
	return bytes
}
