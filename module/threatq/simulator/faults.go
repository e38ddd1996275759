// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"net/http"
	"sync"
	"time"
)

// Endpoint is one of the appliance's endpoints.
type Endpoint string

// The endpoints of the appliance.
const (
	EndpointData  Endpoint = "data"
	EndpointToken Endpoint = "token"
	endpointOther Endpoint = "other"
)

// forever, as a fault's count, keeps the fault until ClearFaults.
const forever = -1

// fault is a fault to come. Where its parameters are documented: docs/simulator.md.
type fault struct {
	effect
	text     string // as it was injected
	name     string
	endpoint Endpoint
	count    int    // how many requests it hits
	after    int    // how many requests to the endpoint it lets pass at first
	mark     string // restricts it to requests with that cursorMark; after counts only those
	settings

	seen, hits int
}

// settings are the parameters of a fault.
type settings struct {
	status     int
	retryAfter string
	delay      time.Duration
	target     string
	size       int64
	where      string
}

// effect is what a fault does.
type effect struct {
	params   string   // the names of its parameters
	only     Endpoint // empty: both
	defaults settings

	// One of these three. The first comes in place of an answer, whatever the request. The others spoil the answer to a
	// request that is otherwise in order; a request that is refused does not use them up.
	instead   func(*exchange, *fault)
	spoil     func(*exchange, *fault, []byte)
	spoilPage func(*exchange, *fault, pageRequest, page)
}

// effects are all faults by name.
var effects = map[string]effect{
	"status":   {instead: (*exchange).failStatus, params: "status retry-after"},
	"reset":    {instead: (*exchange).reset},
	"html":     {instead: (*exchange).loginPage},
	"empty":    {instead: (*exchange).answerNothing},
	"redirect": {instead: (*exchange).redirect, params: "status target", defaults: settings{status: http.StatusFound}},
	"hang":     {instead: (*exchange).hang, params: "delay"},
	"rejected": {instead: (*exchange).rejectCursor, params: "status", only: EndpointData, defaults: settings{status: http.StatusBadRequest}},

	"delay":     {spoil: (*exchange).delay, params: "delay", defaults: settings{delay: time.Second}},
	"truncated": {spoil: (*exchange).truncate},
	"slow":      {spoil: (*exchange).drip, params: "delay", defaults: settings{delay: time.Second}},
	"stalled":   {spoil: (*exchange).stall, params: "delay"},
	"badjson":   {spoil: (*exchange).breakJSON, params: "where", defaults: settings{where: "start"}},
	"notoken":   {spoil: (*exchange).withholdToken, only: EndpointToken},

	"stuck":     {spoilPage: (*exchange).stickToMark, only: EndpointData},
	"repeat":    {spoilPage: (*exchange).repeatPage, only: EndpointData},
	"loop":      {spoilPage: (*exchange).loopToStart, only: EndpointData},
	"oversized": {spoilPage: (*exchange).padPage, params: "size", only: EndpointData, defaults: settings{size: 100_000_000}},
	"endless":   {spoilPage: (*exchange).neverEnd, params: "size", only: EndpointData},
	"nested":    {spoilPage: (*exchange).bloat, params: "size", only: EndpointData, defaults: settings{size: 100_000}},
	"huge":      {spoilPage: (*exchange).bloat, params: "size", only: EndpointData, defaults: settings{size: 100_000_000}},
	"many":      {spoilPage: (*exchange).bloat, params: "size", only: EndpointData, defaults: settings{size: 1_000_000}},
}

// faults are the faults to come, in the order of their injection.
type faults struct {
	mu   sync.Mutex
	list []*fault
}

// Inject arms faults, written as the command line takes them:
//
//	[endpoint/]name[*count][@after][:parameter=value[;parameter=value...]]
//
// separated by commas. The endpoint is data (the default) or token. The name is one of those in docs/simulator.md, or an
// HTTP status from 400 to 599. The count is a number, or "forever". After is how many requests to let pass. The
// parameters are mark, status, retry-after, delay (a duration such as 500ms), target, size (a number, for bytes with KB,
// MB, GB, KiB, MiB or GiB) and where. A comma, a semicolon or a percent sign in a value is percent-encoded. Examples:
//
//	503*3,429:retry-after=2,reset@10
//	token/401*forever
//	429:retry-after=+5s,stalled:delay=3s,badjson:where=middle,oversized:size=300MB
//	redirect:target=http://127.0.0.1:8081;status=307
//
// A request gets the first of the armed faults that is due; all of them count the request. Nothing is armed when one of
// them is wrong.
func (s *Simulator) Inject(text string) error {
	list, err := parseFaults(text)
	if err != nil {
		return err
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.list = append(s.faults.list, list...)
	return nil
}

// ClearFaults disarms all faults. Responses that are under way are not affected.
func (s *Simulator) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.list = nil
}

// PendingFaults returns the faults that are armed and not used up, as they were injected.
func (s *Simulator) PendingFaults() (pending []string) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	for _, f := range s.faults.list {
		if !f.spent() {
			pending = append(pending, f.text)
		}
	}
	return pending
}

func (f *fault) spent() bool { return f.count != forever && f.hits >= f.count }

// next returns the fault of a request, or nil.
func (f *faults) next(e Endpoint, mark string) (due *fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.list {
		if a.endpoint != e || a.mark != "" && a.mark != mark {
			continue
		}
		a.seen++
		if due == nil && a.seen > a.after && !a.spent() {
			due = a
		}
	}
	if due != nil {
		due.hits++
	}
	return due
}

// giveBack undoes the use of a fault by a request that was refused anyway.
func (f *faults) giveBack(unused *fault) {
	if unused == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	unused.hits--
}
