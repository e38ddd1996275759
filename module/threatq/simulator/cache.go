// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import "sync"

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
// far as Config.PageCacheBytes allows. It returns the number of pages and their bytes.
func (s *Simulator) Warm(limit int, fields string) (pages int, bytes int64) {
	req := pageRequest{mark: StartMark, after: startPosition, limit: min(limit, maxPageSize), fields: fields}
	for s.cache.limit > 0 {
		p := s.page(new([]byte), req)
		pages, bytes = pages+1, bytes+int64(len(p.body))
		if p.indicators == 0 || bytes > s.cache.limit {
			break
		}
		req.mark = p.next
		req.after, _ = s.marker.position(p.next) // written by render
	}
	return pages, bytes
}
