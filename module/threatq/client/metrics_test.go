// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/elastic/elastic-agent-libs/monitoring"
)

func TestMetrics(t *testing.T) {
	reg := monitoring.NewRegistry()
	m := NewMetrics(reg)
	for _, status := range []int{100, 200, 204, 304, 404, 429, 503, 599, 999, 0} {
		m.request()
		m.response(status)
	}
	m.received(10)
	m.token(nil)
	m.token(assert.AnError)
	want := map[string]int64{
		"http_requests_total": 10, "http_responses_1xx_total": 1, "http_responses_2xx_total": 2, "http_responses_3xx_total": 1,
		"http_responses_4xx_total": 2, "http_responses_5xx_total": 2, "http_too_many_requests_total": 1, "http_errors_total": 0,
		"http_retries_total": 0, "http_rate_limit_waits_total": 0, "pages_received_total": 0, "bytes_received_total": 10,
		"tokens_requested_total": 2, "token_errors_total": 1,
	}
	assert.Equal(t, want, monitoring.CollectFlatSnapshot(reg, monitoring.Full, false).Ints)
}

func TestNoMetrics(t *testing.T) {
	assert.Nil(t, NewMetrics(nil))
	a := newAppliance(t, status(503), says(onePage))
	c, _, _ := newClient(t, a.config(), WithMetrics(nil))
	assert.NoError(t, read(c))
}
