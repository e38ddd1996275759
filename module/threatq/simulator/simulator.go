// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// Paths of the appliance's API.
const (
	TokenPath = "/api/token"
	DataPath  = "/api/indicators/query/hash/" // the id of the data collection follows

	controlPath = "/_simulator/"
)

// Simulator is a simulated ThreatQ appliance with one data collection. It is an http.Handler; Start serves it.
type Simulator struct {
	*collection

	cfg    Config
	marker marker
	tokens tokens
	faults faults
	stats  stats
	cache  pageCache

	updates, leaves, joins pace

	closeOnce sync.Once
	closed    chan struct{}
}

// New returns a simulator, or what is wrong with the configuration.
func New(cfg Config) (*Simulator, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.BaseTime.IsZero() {
		cfg.BaseTime = cfg.Now().UTC().Truncate(24 * time.Hour)
	}
	gen := generator{
		seed:       cfg.Seed,
		types:      typeSchedule,
		n:          int64(cfg.Indicators),
		firstID:    cfg.FirstID,
		base:       cfg.BaseTime.Unix(),
		untidy:     cfg.Untidy,
		unreadable: cfg.Unreadable,
	}
	return &Simulator{
		collection: newCollection(gen, cfg.Now),
		cfg:        cfg,
		marker:     newMarker(cfg.DataCollectionID),
		tokens:     tokens{id: cfg.ClientID, secret: cfg.ClientSecret, valid: make(map[string]time.Time)},
		cache:      pageCache{limit: cfg.PageCacheBytes},
		updates:    pace{last: cfg.Now(), perSecond: cfg.UpdatesPerSecond},
		leaves:     pace{last: cfg.Now(), perSecond: cfg.LeavesPerSecond},
		joins:      pace{last: cfg.Now(), perSecond: cfg.JoinsPerSecond},
		closed:     make(chan struct{}),
	}, nil
}

// Config returns the configuration with all defaults filled in. It holds the client secret of the start.
func (s *Simulator) Config() Config { return s.cfg }

// Close ends all responses that are slow, stalled or endless. The simulator answers other requests as before. A
// Server does this by itself when it is closed; only who serves the Simulator otherwise has to call Close.
func (s *Simulator) Close() {
	s.closeOnce.Do(func() { close(s.closed) })
}

// ServeHTTP answers the requests of the API, with the faults that are injected.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{s: s, w: w, r: r}
	switch {
	case r.URL.Path == TokenPath:
		x.endpoint = EndpointToken
		s.serveToken(x)
	case strings.HasPrefix(r.URL.Path, DataPath):
		x.endpoint = EndpointData
		s.serveData(x)
	case s.cfg.Control && strings.HasPrefix(r.URL.Path, controlPath):
		s.serveControl(w, r)
	default:
		x.endpoint = endpointOther
		x.fail(http.StatusNotFound, "The requested resource does not exist.")
	}
}

// pace says how many changes are due.
type pace struct {
	mu        sync.Mutex
	last      time.Time
	due       float64
	perSecond float64
}

func (p *pace) take(now time.Time) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.due += max(0, now.Sub(p.last).Seconds()) * p.perSecond
	p.last = now
	n := int(min(p.due, maxIndicators))
	p.due -= float64(n)
	return n
}
