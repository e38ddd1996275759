// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/client"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// What is decoded while a page is checked makes the same events as what is decoded one
// by one: in the next page, after a damaged attempt, and beyond the bounds.
func TestPagesAreReadAtOnce(t *testing.T) {
	var cases []struct{ Indicator json.RawMessage }
	readTable(t, "untidy.json", &cases)
	sim, err := simulator.New(simulator.Config{Indicators: 300, Seed: 1})
	require.NoError(t, err)
	var untidy, ordinary, many []string
	for _, tc := range cases {
		untidy = append(untidy, string(tc.Indicator))
	}
	untidy = append(untidy, `1`, `null`, `"text"`, `[]`, `{}`)
	for i := range sim.Len() {
		ordinary = append(ordinary, string(sim.Indicator(i)))
	}
	for range maxBatch + 2 {
		many = append(many, `{"id":1}`)
	}
	large := []string{`{"id":1,"description":"` + strings.Repeat("a", maxBatchBytes) + `"}`, `{"id":2}`}

	pages := map[string][]string{"untidy": untidy, "ordinary": ordinary, "many": many, "large": large}
	attempts := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = w.Write([]byte(`{"access_token":"t","expires_in":3600}`))
			return
		}
		name := r.URL.Query().Get("cursorMark")
		body := `{"data":[` + strings.Join(pages[name], ",") + `],"nextCursorMark":"n"}`
		if attempts[name]++; attempts[name] == 1 {
			body = `{"data":[{"id":9},{"id":9,]}`
		}
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	cfg := config.DefaultInput()
	cfg.URL, cfg.DataCollectionID, cfg.Request.Retry.WaitMin = server.URL, "c", 0
	cfg.Request.Retry.WaitMax = 0
	cfg.Auth.OAuth2.Client.ID, cfg.Auth.OAuth2.Client.Secret = "id", config.NewSecret("secret")
	mapper := testMapper()
	cl, err := client.New(cfg, logp.NewNopLogger(), client.Options{NewReader: mapper.newReader})
	require.NoError(t, err)
	defer cl.Close()

	for _, name := range []string{"untidy", "ordinary", "large", "many", "untidy", "ordinary"} {
		page, err := cl.Page(t.Context(), name)
		require.NoError(t, err, name)
		require.Len(t, page.Indicators, len(pages[name]), name)
		read := 0
		for i, raw := range page.Indicators {
			if _, decoded := decodedOf(page, i); decoded != nil {
				read++
			}
			want, wantErr := mapper.Event(raw, testFetched)
			want.Private = sizeOf(want.Fields, len(raw))
			got, err := mapper.pageEvent(page, i, testFetched)
			require.Equal(t, wantErr, err, "%s", raw)
			require.Equal(t, want, got, "%s", raw)
			wantBrief, wantErr := mapper.Brief(raw, testFetched)
			gotBrief, err := mapper.pageBrief(page, i, testFetched)
			require.Equal(t, wantErr == nil, err == nil, "%s", raw)
			require.Equal(t, wantBrief, gotBrief, "%s", raw)
		}
		want := map[string]int{"many": maxBatch, "large": 1}[name]
		if want == 0 {
			want = len(pages[name])
		}
		assert.Equal(t, want, read, name)
		page.Release()
	}
}
