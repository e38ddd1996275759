// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import "github.com/elastic/elastic-agent-libs/monitoring"

// Metrics counts what a Client does. A nil *Metrics counts nothing.
type Metrics struct {
	requests       *monitoring.Uint // requests sent, retries included
	status         [6]*monitoring.Uint
	failed         *monitoring.Uint
	retries        *monitoring.Uint
	pages          *monitoring.Uint
	bytes          *monitoring.Uint
	tokens         *monitoring.Uint
	tokenErrors    *monitoring.Uint
	tooMany        *monitoring.Uint
	rateLimitWaits *monitoring.Uint
}

// NewMetrics registers the metrics of one Client in reg, or returns nil when
// reg is nil:
//
//	http_requests_total          requests sent, retries included
//	http_responses_2xx_total     answers by class of status; also 1xx, 3xx, 4xx, 5xx
//	http_errors_total            requests without an answer
//	http_too_many_requests_total answers with status 429 (also counted under 4xx)
//	http_retries_total           requests that repeat one which failed
//	http_rate_limit_waits_total  requests that waited because of request.rate_limit
//	pages_received_total         pages that were read to their end
//	bytes_received_total         bytes of answers, after decompression
//	tokens_requested_total       tokens asked for
//	token_errors_total           tokens asked for in vain
func NewMetrics(reg *monitoring.Registry) *Metrics {
	if reg == nil {
		return nil
	}
	m := &Metrics{
		requests:       monitoring.NewUint(reg, "http_requests_total"),
		failed:         monitoring.NewUint(reg, "http_errors_total"),
		retries:        monitoring.NewUint(reg, "http_retries_total"),
		pages:          monitoring.NewUint(reg, "pages_received_total"),
		bytes:          monitoring.NewUint(reg, "bytes_received_total"),
		tokens:         monitoring.NewUint(reg, "tokens_requested_total"),
		tokenErrors:    monitoring.NewUint(reg, "token_errors_total"),
		tooMany:        monitoring.NewUint(reg, "http_too_many_requests_total"),
		rateLimitWaits: monitoring.NewUint(reg, "http_rate_limit_waits_total"),
	}
	for class, name := range map[int]string{1: "1xx", 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"} {
		m.status[class] = monitoring.NewUint(reg, "http_responses_"+name+"_total")
	}
	return m
}

func (m *Metrics) request() {
	if m != nil {
		m.requests.Inc()
	}
}

func (m *Metrics) response(status int) {
	if m == nil {
		return
	}
	if class := status / 100; class >= 1 && class <= 5 {
		m.status[class].Inc()
	}
	if status == 429 {
		m.tooMany.Inc()
	}
}

func (m *Metrics) failure() {
	if m != nil {
		m.failed.Inc()
	}
}

func (m *Metrics) retry() {
	if m != nil {
		m.retries.Inc()
	}
}

func (m *Metrics) received(bytes int64) {
	if m != nil {
		m.bytes.Add(uint64(bytes))
	}
}

func (m *Metrics) page() {
	if m != nil {
		m.pages.Inc()
	}
}

func (m *Metrics) token(err error) {
	if m == nil {
		return
	}
	m.tokens.Inc()
	if err != nil {
		m.tokenErrors.Inc()
	}
}

func (m *Metrics) rateLimitWait() {
	if m != nil {
		m.rateLimitWaits.Inc()
	}
}
