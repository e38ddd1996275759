// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/transport/tlscommon"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// simulated starts a simulator and returns a configuration for it.
func simulated(t testing.TB, cfg simulator.Config) (*simulator.Simulator, config.Input) {
	s, err := simulator.New(cfg)
	require.NoError(t, err)
	server, err := s.Start("")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	client := testConfig(server.URL)
	client.Auth.OAuth2.Client = config.AuthOAuth2Client{ID: s.Config().ClientID, Secret: config.NewSecret(s.Config().ClientSecret)}
	client.DataCollectionID = s.Config().DataCollectionID
	client.PageSize = 50
	return s, client
}

// collect reads from a mark to the end, and returns how often each id came and
// the last mark. Pages that fail are asked for again, as the next cycle would.
func collect(t testing.TB, c *Client, mark string) (map[string]int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(background, time.Minute)
	defer cancel()
	ids := map[string]int{}
	for failures := 0; ; {
		page, err := c.Page(ctx, mark)
		if err != nil {
			page.Release()
			failures++
			require.Less(t, failures, 5, "%v", err)
			continue
		}
		for _, raw := range page.Indicators {
			var indicator struct {
				ID    any `json:"id"`
				Other any `json:"indicator_id"`
			}
			_ = json.Unmarshal(raw, &indicator)
			switch {
			case indicator.ID != nil:
				ids[fmt.Sprint(indicator.ID)]++
			case indicator.Other != nil:
				ids[fmt.Sprint(indicator.Other)]++
			default:
				ids[fmt.Sprintf("unreadable %d", len(ids))]++
			}
		}
		last, next := page.Last(), page.NextCursorMark
		page.Release()
		if last {
			return ids, mark
		}
		mark = next
	}
}

func once(t testing.TB, ids map[string]int, n int) {
	t.Helper()
	assert.Len(t, ids, n)
	for id, count := range ids {
		assert.Equal(t, 1, count, id)
	}
}

func TestSimulator(t *testing.T) {
	s, cfg := simulated(t, simulator.Config{Indicators: 1234, Seed: 1, Untidy: 0.3})
	c, _, reg := newClient(t, cfg)
	ids, mark := collect(t, c, "")
	once(t, ids, 1234)
	assert.EqualValues(t, 0, metric(reg, "http_retries_total"))

	s.Touch(70)
	s.Add(60)
	ids, mark = collect(t, c, mark)
	once(t, ids, 130)

	before := metric(reg, "http_requests_total")
	ids, _ = collect(t, c, mark)
	assert.Empty(t, ids)
	assert.Equal(t, before+1, metric(reg, "http_requests_total"), "one request when there is nothing new")
}

// Each fault that passes costs no indicator, and none comes twice.
func TestSimulatorFaults(t *testing.T) {
	for _, fault := range []string{
		"500", "503:retry-after=0", "429:retry-after=+1s", "429", "401", "403", "404", "reset", "html", "empty",
		"redirect:target=http://127.0.0.1:9", "hang", "rejected", "delay:delay=10ms", "truncated", "slow:delay=400ms", "stalled",
		"badjson:where=start", "badjson:where=middle", "badjson:where=end", "oversized:size=2MiB", "endless",
		"token/notoken", "token/500", "token/hang", "token/html", "token/reset",
	} {
		for _, count := range []int{1, 4} {
			if count > 1 && strings.Contains(fault, "retry-after") {
				continue // takes seconds
			}
			t.Run(fmt.Sprintf("%s, %d times", fault, count), func(t *testing.T) {
				t.Parallel()
				s, cfg := simulated(t, simulator.Config{Indicators: 230, Seed: 2})
				cfg.Request.Timeout = 200 * time.Millisecond
				cfg.Request.MaxBodySize = 1 << 20
				c, _, _ := newClient(t, cfg)
				name, params, _ := strings.Cut(fault, ":")
				name = fmt.Sprintf("%s*%d", name, count)
				if !strings.HasPrefix(name, "token/") {
					name += "@1"
				}
				require.NoError(t, s.Inject(strings.TrimSuffix(name+":"+params, ":")))
				ids, _ := collect(t, c, "*")
				once(t, ids, 230)
			})
		}
	}
}

// What is odd for good doesn't stop the collection either.
func TestSimulatorHostile(t *testing.T) {
	for _, fault := range []string{"nested*forever:size=200000", "huge*forever:size=1MiB", "many*forever:size=10000"} {
		t.Run(fault, func(t *testing.T) {
			s, cfg := simulated(t, simulator.Config{Indicators: 120, Seed: 3})
			c, _, _ := newClient(t, cfg)
			require.NoError(t, s.Inject(fault))
			ids, _ := collect(t, c, "*")
			once(t, ids, 120)
		})
	}
	t.Run("unreadable", func(t *testing.T) {
		s, cfg := simulated(t, simulator.Config{Indicators: 120, Seed: 3, Unreadable: 0.2})
		require.NoError(t, s.PutRaw(7, []byte(`{"id": 7, "value": "a" "b"}`)))
		c, _, _ := newClient(t, cfg)
		ids, _ := collect(t, c, "*")
		total := 0
		for _, n := range ids {
			total += n
		}
		assert.Equal(t, 120, total, "odd ids may be the same")
	})
}

func TestSimulatorTokens(t *testing.T) {
	for _, style := range []simulator.AuthStyle{simulator.AuthBasic, simulator.AuthForm} {
		s, cfg := simulated(t, simulator.Config{Indicators: 500, Seed: 4, AuthStyle: style})
		c, _, reg := newClient(t, cfg)
		page, err := c.Page(background, "*")
		require.NoError(t, err)
		mark := page.NextCursorMark
		page.Release()
		s.RevokeTokens()
		ids, _ := collect(t, c, mark)
		once(t, ids, 450)
		assert.EqualValues(t, 2, metric(reg, "tokens_requested_total"))
	}
}

func TestSimulatorTLS(t *testing.T) {
	s, err := simulator.New(simulator.Config{Indicators: 10, Seed: 5})
	require.NoError(t, err)
	server := httptest.NewTLSServer(s)
	defer server.Close()
	cfg := testConfig(server.URL)
	cfg.Auth.OAuth2.Client = config.AuthOAuth2Client{ID: s.Config().ClientID, Secret: config.NewSecret(s.Config().ClientSecret)}
	cfg.DataCollectionID = s.Config().DataCollectionID
	cfg.Request.SSL = config.NewSSL(&tlscommon.Config{CAs: []string{string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))}})
	c, _, _ := newClient(t, cfg)
	ids, _ := collect(t, c, "*")
	once(t, ids, 10)
}

// A thousand cycles leave nothing behind: connections are used again, and
// those of failed requests are closed.
func TestManyCycles(t *testing.T) {
	s, cfg := simulated(t, simulator.Config{Indicators: 5, Seed: 6})
	c, _, _ := newClient(t, cfg)
	_, mark := collect(t, c, "*")
	before := openFiles(t)
	for i := range 1000 {
		if i%100 == 0 {
			require.NoError(t, s.Inject("truncated,reset@1"))
		}
		collect(t, c, mark)
	}
	assert.InDelta(t, before, openFiles(t), 4)
}
