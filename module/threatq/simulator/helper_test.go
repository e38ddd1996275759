// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var testBase = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const testFields = "*,attributes,sources"

// testConfig is small and doesn't depend on the time of day.
func testConfig(n int) Config {
	return Config{Indicators: n, Seed: 7, BaseTime: testBase, Now: func() time.Time { return testBase }}
}

func newSimulator(t testing.TB, cfg Config) *Simulator {
	t.Helper()
	s, err := New(cfg)
	require.NoError(t, err)
	return s
}

// appliance is a simulator that is served, and a client of it.
type appliance struct {
	*Simulator
	t      testing.TB
	srv    *Server
	client *http.Client
	token  string
}

func startAppliance(t testing.TB, cfg Config) *appliance {
	t.Helper()
	s := newSimulator(t, cfg)
	srv, err := s.Start("")
	require.NoError(t, err)
	transport := &http.Transport{}
	a := &appliance{
		Simulator: s, t: t, srv: srv,
		client: &http.Client{
			Transport:     transport,
			Timeout:       20 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		require.NoError(t, srv.Close())
	})
	return a
}

// login gets a token the ordinary way.
func (a *appliance) login() *appliance {
	a.t.Helper()
	status, answer := a.postToken(url.Values{"grant_type": {"client_credentials"}}, DefaultClientID, DefaultClientSecret)
	require.Equal(a.t, http.StatusOK, status, "%v", answer)
	a.token = answer["access_token"].(string)
	return a
}

func (a *appliance) postToken(form url.Values, id, secret string) (int, map[string]any) {
	a.t.Helper()
	req, err := http.NewRequest(http.MethodPost, a.srv.URL+TokenPath, strings.NewReader(form.Encode()))
	require.NoError(a.t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if id != "" {
		req.SetBasicAuth(id, secret)
	}
	resp, err := a.client.Do(req)
	require.NoError(a.t, err)
	defer resp.Body.Close()
	var answer map[string]any
	require.NoError(a.t, json.NewDecoder(resp.Body).Decode(&answer))
	return resp.StatusCode, answer
}

// request returns a data request.
func (a *appliance) request(mark string, limit int) *http.Request {
	a.t.Helper()
	query := url.Values{
		"sort": {"updated_at"}, "limit": {strconv.Itoa(limit)}, "fields": {testFields}, "cursorMark": {mark},
	}
	req, err := http.NewRequest(http.MethodGet, a.srv.URL+DataPath+DefaultDataCollectionID+"?"+query.Encode(), nil)
	require.NoError(a.t, err)
	req.Header.Set("Authorization", "Bearer "+a.token)
	return req
}

// get sends a data request and reads the answer. The error is of the body.
func (a *appliance) get(mark string, limit int) (*http.Response, []byte, error) {
	a.t.Helper()
	resp, err := a.client.Do(a.request(mark, limit))
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

type testPage struct {
	Total          *int              `json:"total"`
	Data           []json.RawMessage `json:"data"`
	NextCursorMark string            `json:"nextCursorMark"`
}

// page gets a page that has to be right.
func (a *appliance) page(mark string, limit int) testPage {
	a.t.Helper()
	resp, body, err := a.get(mark, limit)
	require.NoError(a.t, err)
	require.Equal(a.t, http.StatusOK, resp.StatusCode, "%s", body)
	var p testPage
	require.NoError(a.t, json.Unmarshal(body, &p), "%.2000s", body)
	return p
}

// drain collects from mark to the end, and returns the last mark.
func (a *appliance) drain(mark string, limit int, each func(json.RawMessage)) string {
	a.t.Helper()
	for {
		p := a.page(mark, limit)
		for _, raw := range p.Data {
			each(raw)
		}
		if len(p.Data) == 0 || p.NextCursorMark == mark {
			return p.NextCursorMark
		}
		mark = p.NextCursorMark
	}
}

// version is what tells the versions of an indicator apart.
type version struct {
	ID        int64  `json:"id"`
	UpdatedAt string `json:"updated_at"`
}

func readVersion(t testing.TB, raw json.RawMessage) version {
	t.Helper()
	var v version
	require.NoError(t, json.Unmarshal(raw, &v), "%s", raw)
	return v
}
