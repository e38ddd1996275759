// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
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

// Kind is a kind of fault.
type Kind string

// Faults that come in place of an answer, whatever the request.
const (
	KindStatus   Kind = "status"   // an error status: Fault.Status, with Fault.RetryAfter
	KindReset    Kind = "reset"    // the connection is reset before the answer
	KindHTML     Kind = "html"     // a login page in HTML, status 200
	KindEmpty    Kind = "empty"    // status 200 and no body
	KindRedirect Kind = "redirect" // to the same path at Fault.Target, with Fault.Status (302)
	KindHang     Kind = "hang"     // no answer for Fault.Delay, or ever, then the connection is reset
	KindRejected Kind = "rejected" // the cursor is refused, with Fault.Status (400); data only
)

// Faults that spoil the answer to a request that is otherwise in order. A request that is refused doesn't use them up.
const (
	KindDelay     Kind = "delay"     // the answer is right and comes Fault.Delay late
	KindTruncated Kind = "truncated" // the connection ends in the middle of the body
	KindSlow      Kind = "slow"      // the body comes in many pieces over Fault.Delay
	KindStalled   Kind = "stalled"   // the body stops in the middle for Fault.Delay, or for ever
	KindBadJSON   Kind = "badjson"   // the JSON is invalid at Fault.Where: start, middle or end
	KindNoToken   Kind = "notoken"   // JSON without an access token; token only
	KindOversized Kind = "oversized" // valid JSON of Fault.Size bytes; data only, as all below
	KindEndless   Kind = "endless"   // a page whose indicators never end, or end after Fault.Size bytes without closing
	KindStuck     Kind = "stuck"     // a page of indicators whose nextCursorMark is the mark that was sent
	KindRepeat    Kind = "repeat"    // the right page, but its nextCursorMark yields that same page again
	KindLoop      Kind = "loop"      // the right page, but its nextCursorMark leads back to the start
	KindNested    Kind = "nested"    // an indicator has an array nested Fault.Size deep
	KindHuge      Kind = "huge"      // an indicator has a description of Fault.Size bytes
	KindMany      Kind = "many"      // an indicator has Fault.Size attributes
)

// Forever, as a Fault.Count, keeps the fault until ClearFaults.
const Forever = -1

// Fault is a fault to come. See the kinds for which of the parameters they use.
type Fault struct {
	// Endpoint is where it happens. Default EndpointData.
	Endpoint Endpoint
	// Kind is what happens.
	Kind Kind
	// Count is how many requests it hits. Default 1; Forever: all.
	Count int
	// After is how many requests to the endpoint it lets pass at first.
	After int
	// Mark restricts it to requests with that cursorMark; After counts only those. Default: any.
	Mark string
	// Status is the HTTP status for KindStatus, KindRedirect and KindRejected.
	Status int
	// RetryAfter is the value of the Retry-After header that goes with KindStatus. Default: no header. A value with a
	// sign, such as +2s, is sent as a date that far from the clock.
	RetryAfter string
	// Delay is for KindDelay, KindSlow, KindStalled and KindHang. Default: 1s for KindDelay and KindSlow, otherwise for ever.
	Delay time.Duration
	// Target is the URL of the other host for KindRedirect: scheme and host.
	Target string
	// Size is a number of bytes, of levels or of attributes. Default 100,000,000 for KindOversized and KindHuge,
	// 100,000 for KindNested, 1,000,000 for KindMany.
	Size int64
	// Where is the place of KindBadJSON: start, middle or end. Default start.
	Where string
}

// kindRule says what the kind can have.
type kindRule struct {
	params string // names of its parameters in the textual form
	body   bool   // it spoils the answer to a request that is in order
	only   Endpoint
	// Defaults of the parameters.
	status int
	delay  time.Duration
	size   int64
	where  string
}

var kindRules = map[Kind]kindRule{
	KindStatus:    {params: "status retry-after"},
	KindReset:     {},
	KindHTML:      {},
	KindEmpty:     {},
	KindRedirect:  {params: "status target", status: http.StatusFound},
	KindHang:      {params: "delay"},
	KindRejected:  {params: "status", only: EndpointData, status: http.StatusBadRequest},
	KindDelay:     {params: "delay", body: true, delay: time.Second},
	KindTruncated: {body: true},
	KindSlow:      {params: "delay", body: true, delay: time.Second},
	KindStalled:   {params: "delay", body: true},
	KindBadJSON:   {params: "where", body: true, where: "start"},
	KindNoToken:   {body: true, only: EndpointToken},
	KindOversized: {params: "size", body: true, only: EndpointData, size: 100_000_000},
	KindEndless:   {params: "size", body: true, only: EndpointData},
	KindStuck:     {body: true, only: EndpointData},
	KindRepeat:    {body: true, only: EndpointData},
	KindLoop:      {body: true, only: EndpointData},
	KindNested:    {params: "size", body: true, only: EndpointData, size: 100_000},
	KindHuge:      {params: "size", body: true, only: EndpointData, size: 100_000_000},
	KindMany:      {params: "size", body: true, only: EndpointData, size: 1_000_000},
}

// Kinds returns all kinds of faults in alphabetical order.
func Kinds() []Kind { return slices.Sorted(maps.Keys(kindRules)) }

func (k Kind) needsBody() bool { return kindRules[k].body }

func (k Kind) takes(param string) bool {
	return slices.Contains(strings.Fields(kindRules[k].params), param)
}

// withDefaults fills in what is not given.
func (f Fault) withDefaults() Fault {
	rule := kindRules[f.Kind]
	f.Endpoint = cmp.Or(f.Endpoint, rule.only, EndpointData)
	f.Count = cmp.Or(f.Count, 1)
	f.Status = cmp.Or(f.Status, rule.status)
	f.Delay = cmp.Or(f.Delay, rule.delay)
	f.Size = cmp.Or(f.Size, rule.size)
	f.Where = cmp.Or(f.Where, rule.where)
	return f
}

// Validate says what is wrong with the fault.
func (f Fault) Validate() error {
	rule, ok := kindRules[f.Kind]
	if !ok {
		return fmt.Errorf("the fault %q is unknown, it must be an HTTP status or one of %s", f.Kind,
			strings.Trim(strings.ReplaceAll(fmt.Sprint(Kinds()), " ", ", "), "[]"))
	}
	f = f.withDefaults()
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("fault "+string(f.Kind)+": "+format, args...))
	}
	if f.Endpoint != EndpointData && f.Endpoint != EndpointToken {
		wrong("the endpoint is %q, it must be data or token", f.Endpoint)
	} else if rule.only != "" && f.Endpoint != rule.only {
		wrong("it can happen at the %s endpoint only", rule.only)
	}
	if f.Count < Forever {
		wrong("the count is %d, it must be 1 or more, or forever", f.Count)
	}
	if f.After < 0 {
		wrong("the number of requests to let pass is %d, it must be 0 or more", f.After)
	}
	if f.Mark != "" && f.Endpoint == EndpointToken {
		wrong("requests to the token endpoint have no mark")
	}
	for _, p := range params {
		if p.text(f) != "" && !p.fits(f.Kind) {
			wrong("it has no parameter %s", p.name)
		}
	}
	switch f.Kind {
	case KindStatus:
		if f.Status < 400 || f.Status > 599 {
			wrong("the status is %d, it must be 400 to 599", f.Status)
		}
	case KindRejected:
		if f.Status < 400 || f.Status > 499 {
			wrong("the status is %d, it must be 400 to 499, usually 400 or 422", f.Status)
		}
	case KindRedirect:
		if f.Status < 301 || f.Status > 308 || f.Status > 303 && f.Status < 307 {
			wrong("the status is %d, it must be 301, 302, 303, 307 or 308", f.Status)
		}
		if u, err := url.Parse(f.Target); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			wrong("the target is %q, it must be a URL such as http://127.0.0.1:8080", f.Target)
		}
	case KindBadJSON:
		if f.Where != "start" && f.Where != "middle" && f.Where != "end" {
			wrong("where is %q, it must be start, middle or end", f.Where)
		}
	}
	if f.Delay < 0 {
		wrong("the delay is %s, it must be more than 0", f.Delay)
	}
	if f.Size < 0 {
		wrong("the size is %d, it must be more than 0", f.Size)
	}
	if _, err := retryAfterHeader(f.RetryAfter, time.Time{}); err != nil {
		wrong("%w", err)
	}
	return errors.Join(errs...)
}

// retryAfterHeader returns the value of the Retry-After header.
func retryAfterHeader(value string, now time.Time) (string, error) {
	if value == "" || value[0] != '+' && value[0] != '-' {
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return "", fmt.Errorf("retry-after is %q, it must be printable ASCII", value)
		}
		return value, nil
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		return "", fmt.Errorf("retry-after is %q, with a sign it must be a duration such as +2s", value)
	}
	return now.Add(d).UTC().Format(http.TimeFormat), nil
}

// armed is a fault that was injected.
type armed struct {
	Fault
	seen int // requests that matched
	hits int
}

// faults are the faults to come, in the order of their injection.
type faults struct {
	mu   sync.Mutex
	list []*armed
}

// Inject arms faults. A request gets the first of the armed faults that is due; all of them count the request.
// Nothing is armed when one of them is wrong.
func (s *Simulator) Inject(list ...Fault) error {
	var errs []error
	for _, f := range list {
		errs = append(errs, f.Validate())
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	for _, f := range list {
		s.faults.list = append(s.faults.list, &armed{Fault: f.withDefaults()})
	}
	return nil
}

// ClearFaults disarms all faults. Responses that are under way are not affected.
func (s *Simulator) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.list = nil
}

// PendingFaults returns the faults that are armed and not used up, with their remaining counts.
func (s *Simulator) PendingFaults() []Fault {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	var pending []Fault
	for _, a := range s.faults.list {
		if a.spent() {
			continue
		}
		f := a.Fault
		f.After = max(0, a.After-a.seen)
		if f.Count != Forever {
			f.Count -= a.hits
		}
		pending = append(pending, f)
	}
	return pending
}

func (a *armed) spent() bool { return a.Count != Forever && a.hits >= a.Count }

// next returns the fault of a request, or nil.
func (f *faults) next(e Endpoint, mark string) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	var due *armed
	for _, a := range f.list {
		if a.Endpoint != e || a.Mark != "" && a.Mark != mark {
			continue
		}
		a.seen++
		if due == nil && a.seen > a.After && !a.spent() {
			due = a
		}
	}
	if due == nil {
		return nil
	}
	due.hits++
	return &due.Fault
}

// giveBack undoes the use of a fault by a request that was refused anyway.
func (f *faults) giveBack(fault *Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.list {
		if fault == &a.Fault {
			a.hits--
		}
	}
}
