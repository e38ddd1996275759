// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/monitoring"
)

func TestMetrics(t *testing.T) {
	reg := monitoring.NewRegistry()
	m := newMetrics(reg)
	for _, status := range []int{100, 200, 204, 304, 404, 429, 503, 599, 999, 0} {
		m.response(status)
	}
	want := map[string]int64{
		"http_requests_total": 0, "http_responses_1xx_total": 1, "http_responses_2xx_total": 2, "http_responses_3xx_total": 1,
		"http_responses_4xx_total": 2, "http_responses_5xx_total": 2, "http_too_many_requests_total": 1, "http_errors_total": 0,
		"http_retries_total": 0, "http_rate_limit_waits_total": 0, "pages_received_total": 0, "bytes_received_total": 0,
		"tokens_requested_total": 0, "token_errors_total": 0,
	}
	assert.Equal(t, want, monitoring.CollectFlatSnapshot(reg, monitoring.Full, false).Ints)
}

func TestNoMetrics(t *testing.T) {
	a := newAppliance(t, status(503), says(onePage))
	c, err := New(a.config(), logp.NewNopLogger(), Options{})
	require.NoError(t, err)
	defer c.Close()
	assert.NoError(t, read(c))
}
