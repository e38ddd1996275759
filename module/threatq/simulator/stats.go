// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"maps"
	"slices"
	"sync"
)

// keepServed is how many of the last pages Stats remembers.
const keepServed = 1 << 16

// Served is a page that was served without a fault.
type Served struct {
	Mark       string // as sent by the client
	Next       string // as returned
	Indicators int
}

// Stats counts what the simulator did since the start or the last ResetStats.
type Stats struct {
	// Requests counts requests by endpoint and status. Status 0 means that the connection ended without an answer.
	Requests map[Endpoint]map[int]int
	// Tokens is the number of access tokens that were issued.
	Tokens int
	// Pages, Indicators and Bytes count what the data endpoint served without a fault.
	Pages      int
	Indicators int
	Bytes      int64
	// Faults counts the faults that came into effect, by name.
	Faults map[string]int
	// Served lists the pages that were served without a fault, in order; the last 65,536 of them.
	Served []Served
}

// Total returns the number of requests at an endpoint.
func (s Stats) Total(e Endpoint) int {
	n := 0
	for _, count := range s.Requests[e] {
		n += count
	}
	return n
}

// Refetched returns the marks whose page was served more than once although it held indicators.
func (s Stats) Refetched() []string {
	var marks []string
	seen := make(map[string]int)
	for _, p := range s.Served {
		if p.Indicators == 0 {
			continue
		}
		if seen[p.Mark]++; seen[p.Mark] == 2 {
			marks = append(marks, p.Mark)
		}
	}
	return marks
}

type stats struct {
	mu sync.Mutex
	Stats
}

func (s *stats) request(e Endpoint, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Requests == nil {
		s.Requests = make(map[Endpoint]map[int]int)
	}
	if s.Requests[e] == nil {
		s.Requests[e] = make(map[int]int)
	}
	s.Requests[e][status]++
}

func (s *stats) token() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Tokens++
}

func (s *stats) page(mark string, p page) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Pages++
	s.Indicators += p.indicators
	s.Bytes += int64(len(p.body))
	if len(s.Served) >= 2*keepServed {
		s.Served = append(s.Served[:0], s.Served[keepServed:]...)
	}
	s.Served = append(s.Served, Served{mark, p.next, p.indicators})
}

func (s *stats) fault(f *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Faults == nil {
		s.Faults = make(map[string]int)
	}
	s.Faults[f.name]++
}

// Stats returns a copy of the counts.
func (s *Simulator) Stats() Stats {
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	c := s.stats.Stats
	c.Requests = make(map[Endpoint]map[int]int)
	for e, byStatus := range s.stats.Requests {
		c.Requests[e] = maps.Clone(byStatus)
	}
	c.Faults = maps.Clone(c.Faults)
	c.Served = slices.Clone(c.Served[max(0, len(c.Served)-keepServed):])
	return c
}

// ResetStats sets all counts to zero.
func (s *Simulator) ResetStats() {
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	s.stats.Stats = Stats{}
}
