// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func (a *appliance) inject(spec string) {
	a.t.Helper()
	require.NoError(a.t, a.Inject(spec))
}

// requireWell checks that the fault is over.
func (a *appliance) requireWell() {
	a.t.Helper()
	require.Empty(a.t, a.PendingFaults())
	require.Len(a.t, a.page(StartMark, 10).Data, 10)
}

func TestStatusFaults(t *testing.T) {
	a := startAppliance(t, testConfig(40)).login()
	for _, test := range []struct {
		spec       string
		status     int
		retryAfter string
	}{
		{"401", 401, ""},
		{"403", 403, ""},
		{"404", 404, ""},
		{"429", 429, ""},
		{"429:retry-after=2", 429, "2"},
		{"429:retry-after=+5s", 429, "Thu, 01 Jan 2026 00:00:05 GMT"},
		{"503:retry-after=-1m", 503, "Wed, 31 Dec 2025 23:59:00 GMT"},
		{"429:retry-after=soon", 429, "soon"},
		{"500", 500, ""},
		{"502", 502, ""},
		{"503", 503, ""},
		{"rejected", 400, ""},
		{"rejected:status=422", 422, ""},
	} {
		a.inject(test.spec)
		resp, body, err := a.get(StartMark, 10)
		require.NoError(t, err, test.spec)
		assert.Equal(t, test.status, resp.StatusCode, test.spec)
		assert.Equal(t, test.retryAfter, resp.Header.Get("Retry-After"), test.spec)
		assert.True(t, json.Valid(body), test.spec)
		a.requireWell()
	}
	assert.Equal(t, 11, a.Stats().Faults["status"])
	assert.Equal(t, 2, a.Stats().Requests[EndpointData][http.StatusServiceUnavailable])
}

func TestFaultsOfTheConnection(t *testing.T) {
	a := startAppliance(t, testConfig(40)).login()
	a.inject("reset")
	_, _, err := a.get(StartMark, 10)
	require.ErrorIs(t, err, syscall.ECONNRESET)
	a.requireWell()

	a.inject("truncated")
	_, body, err := a.get(StartMark, 10)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.NotEmpty(t, body)
	a.requireWell()

	a.inject("hang:delay=1ms")
	_, _, err = a.get(StartMark, 10)
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	a.requireWell()
}

func TestAnswersThatAreNoPage(t *testing.T) {
	a := startAppliance(t, testConfig(40)).login()
	for _, test := range []struct {
		spec        string
		contentType string
	}{
		{"html", "text/html; charset=UTF-8"},
		{"empty", "application/json"},
		{"badjson", "application/json"},
		{"badjson:where=start", "application/json"},
		{"badjson:where=middle", "application/json"},
		{"badjson:where=end", "application/json"},
	} {
		a.inject(test.spec)
		resp, body, err := a.get(StartMark, 10)
		require.NoError(t, err, test.spec)
		assert.Equal(t, http.StatusOK, resp.StatusCode, test.spec)
		assert.Equal(t, test.contentType, resp.Header.Get("Content-Type"), test.spec)
		assert.False(t, json.Valid(body), test.spec)
		a.requireWell()
	}
	// Where it says: a decoder that reads the indicators one by one gets none, some or all.
	for where, want := range map[string][2]int{"start": {0, 0}, "middle": {1, 9}, "end": {10, 10}} {
		a.inject("badjson:where=" + where)
		_, body, err := a.get(StartMark, 10)
		require.NoError(t, err)
		n := countReadable(body)
		assert.True(t, want[0] <= n && n <= want[1], "%s: %d indicators come before", where, n)
	}
}

// countReadable counts the elements of data that precede the first syntax error.
func countReadable(body []byte) (n int) {
	d := json.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.Token()
		if err != nil {
			return 0
		}
		if token == json.Delim('[') {
			break
		}
	}
	for d.More() {
		var raw json.RawMessage
		if d.Decode(&raw) != nil {
			return n
		}
		n++
	}
	return n
}

func TestSlowAnswers(t *testing.T) {
	a := startAppliance(t, testConfig(40)).login()
	for _, spec := range []string{"delay:delay=20ms", "slow:delay=20ms", "stalled:delay=20ms"} {
		a.inject(spec)
		start := time.Now()
		require.Len(t, a.page(StartMark, 10).Data, 10, "the answer is right in the end")
		assert.GreaterOrEqual(t, time.Since(start), 20*time.Millisecond, spec)
		a.requireWell()
	}
}

// TestEndlessAnswersEndWithTheirClient would hang in Close if one of them didn't.
func TestEndlessAnswersEndWithTheirClient(t *testing.T) {
	for _, spec := range []string{"stalled", "hang", "slow:delay=1h", "delay:delay=1h", "endless"} {
		for _, who := range []string{"client", "server", "simulator"} {
			a := startAppliance(t, testConfig(40)).login()
			a.inject(spec)
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() {
				resp, err := a.client.Do(a.request(StartMark, 10).WithContext(ctx))
				if err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
				ended <- err
			}()
			require.Eventually(t, func() bool { return len(a.PendingFaults()) == 0 }, time.Minute, time.Millisecond)
			switch who {
			case "client":
				cancel()
			case "server":
				require.NoError(t, a.srv.Close())
			case "simulator":
				a.Close()
			}
			select {
			case err := <-ended:
				assert.Error(t, err)
			case <-time.After(time.Minute):
				t.Fatalf("%s goes on after the %s has ended", spec, who)
			}
			cancel()
			require.Eventually(t, a.srv.isIdle, time.Minute, time.Millisecond, "%s: the handler goes on after the %s has ended", spec, who)
		}
	}
}

func TestHangAtTheTokenEndpointEndsWithItsClient(t *testing.T) {
	a := startAppliance(t, testConfig(1))
	a.inject("token/hang")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.srv.URL+TokenPath, bytes.NewReader([]byte("grant_type=client_credentials")))
	require.NoError(t, err)
	_, err = a.client.Do(req)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Eventually(t, a.srv.isIdle, time.Minute, time.Millisecond)
}

func TestFaultsOfTheCursor(t *testing.T) {
	a := startAppliance(t, testConfig(40)).login()
	first := a.page(StartMark, 10)
	second := a.page(first.NextCursorMark, 10)

	a.inject("stuck")
	p := a.page(first.NextCursorMark, 10)
	assert.Equal(t, first.NextCursorMark, p.NextCursorMark)
	assert.Equal(t, second.Data, p.Data)

	a.inject("repeat*2")
	p = a.page(first.NextCursorMark, 10)
	assert.NotEqual(t, first.NextCursorMark, p.NextCursorMark)
	assert.NotEqual(t, second.NextCursorMark, p.NextCursorMark)
	again := a.page(p.NextCursorMark, 10)
	assert.NotEqual(t, p.NextCursorMark, again.NextCursorMark)
	assert.Equal(t, p.Data, again.Data)
	p = a.page(again.NextCursorMark, 10)
	assert.Equal(t, second, p, "nothing is lost")

	a.inject("loop")
	p = a.page(second.NextCursorMark, 10)
	assert.NotEqual(t, StartMark, p.NextCursorMark)
	assert.Equal(t, first.Data, a.page(p.NextCursorMark, 10).Data)
	assert.NotEmpty(t, a.Stats().Refetched())
	a.requireWell()
}

func TestHostileAnswers(t *testing.T) {
	a := startAppliance(t, testConfig(40)).login()

	a.inject("oversized:size=3MB")
	_, body, err := a.get(StartMark, 10)
	require.NoError(t, err)
	assert.Len(t, body, 3_000_000)
	var p testPage
	require.NoError(t, json.Unmarshal(body, &p))
	require.Len(t, p.Data, 10)
	assert.NotEmpty(t, p.NextCursorMark)

	a.inject("nested:size=5000")
	p = a.page(StartMark, 10)
	require.Len(t, p.Data, 10)
	assert.Contains(t, string(p.Data[0]), `"x_nested":[[[[`)
	assert.EqualValues(t, 1, readVersion(t, p.Data[0]).ID)

	a.inject("huge:size=1MiB")
	p = a.page(StartMark, 10)
	require.Len(t, p.Data, 10)
	assert.Greater(t, len(p.Data[0]), 1<<20)

	a.inject("many:size=20000")
	p = a.page(StartMark, 10)
	require.Len(t, p.Data, 10)
	var indicator struct {
		Attributes []struct{ Name, Value string }
	}
	require.NoError(t, json.Unmarshal(p.Data[0], &indicator))
	require.Len(t, indicator.Attributes, 20000)
	assert.Equal(t, "Attribute 19999", indicator.Attributes[19999].Name)

	a.inject("endless:size=1MB")
	_, body, err = a.get(StartMark, 10)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Greater(t, len(body), 1_000_000)
	assert.Greater(t, countReadable(body), 100)
	a.requireWell()
}

func TestRedirects(t *testing.T) {
	a := startAppliance(t, testConfig(40)).login()
	for spec, status := range map[string]int{
		"redirect:target=http://127.0.0.1:9":             302,
		"redirect:target=http://127.0.0.1:9/;status=307": 307,
	} {
		a.inject(spec + ",token/" + spec)
		resp, _, err := a.get(StartMark, 10)
		require.NoError(t, err)
		assert.Equal(t, status, resp.StatusCode)
		location, err := url.Parse(resp.Header.Get("Location"))
		require.NoError(t, err)
		assert.Equal(t, "127.0.0.1:9", location.Host)
		assert.Equal(t, DataPath+DefaultDataCollectionID, location.Path)
		assert.Equal(t, StartMark, location.Query().Get("cursorMark"))

		tokenResp, err := a.client.Post(a.srv.URL+TokenPath, "application/x-www-form-urlencoded", nil)
		require.NoError(t, err)
		tokenResp.Body.Close()
		assert.Equal(t, "http://127.0.0.1:9/api/token", tokenResp.Header.Get("Location"))
	}
}

func TestFaultsOfTheTokenEndpoint(t *testing.T) {
	a := startAppliance(t, testConfig(10))
	for _, status := range []int{400, 401, 403, 429, 500, 503} {
		a.inject(fmt.Sprintf("token/%d", status))
		got, answer := a.postToken(url.Values{"grant_type": {"client_credentials"}}, DefaultClientID, DefaultClientSecret)
		assert.Equal(t, status, got)
		assert.NotEmpty(t, answer["error"])
	}
	a.inject("token/notoken")
	status, answer := a.postToken(url.Values{"grant_type": {"client_credentials"}}, DefaultClientID, DefaultClientSecret)
	assert.Equal(t, http.StatusOK, status)
	assert.NotContains(t, answer, "access_token")

	for _, spec := range []string{"token/html", "token/badjson", "token/badjson:where=middle", "token/badjson:where=end", "token/empty"} {
		a.inject(spec)
		req, err := http.NewRequest(http.MethodPost, a.srv.URL+TokenPath, bytes.NewReader([]byte("grant_type=client_credentials")))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth(DefaultClientID, DefaultClientSecret)
		resp, err := a.client.Do(req)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		resp.Body.Close()
		assert.Equal(t, http.StatusOK, resp.StatusCode, spec)
		assert.False(t, json.Valid(body), spec)
	}
	a.login().requireWell()
}

func TestWhenFaultsHappen(t *testing.T) {
	a := startAppliance(t, testConfig(40)).login()
	statuses := func(mark string, n int) (list []int) {
		for range n {
			resp, _, err := a.get(mark, 10)
			require.NoError(t, err)
			list = append(list, resp.StatusCode)
		}
		return list
	}
	a.inject("503*2,429,500*2@4")
	assert.Equal(t, []int{503, 503, 429, 200, 500, 500, 200}, statuses(StartMark, 7))

	mark := a.page(StartMark, 10).NextCursorMark
	a.inject("403*forever@1:mark=" + mark)
	assert.Equal(t, []int{200, 200}, statuses(StartMark, 2))
	assert.Equal(t, []int{200, 403, 403}, statuses(mark, 3))
	assert.Equal(t, []int{200}, statuses(StartMark, 1))
	require.Len(t, a.PendingFaults(), 1)
	a.ClearFaults()
	assert.Equal(t, []int{200}, statuses(mark, 1))

	// A page can't be spoilt when there is none.
	a.inject("truncated")
	token := a.token
	a.token = "none"
	assert.Equal(t, []int{401}, statuses(StartMark, 1))
	require.Len(t, a.PendingFaults(), 1)
	a.token = token
	_, _, err := a.get(StartMark, 10)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	a.requireWell()
}

func TestInjectArmsAllOrNothing(t *testing.T) {
	s := newSimulator(t, testConfig(1))
	err := s.Inject("reset,fire,200")
	require.Error(t, err)
	assert.ErrorContains(t, err, `"fire" is unknown`)
	assert.ErrorContains(t, err, "the status is 200")
	assert.Empty(t, s.PendingFaults())
}

// isIdle says whether no request is being answered, or the server is closed, which waits for them.
func (srv *Server) isIdle() bool {
	select {
	case <-srv.served:
		return true
	default:
	}
	if !srv.active.TryLock() {
		return false
	}
	srv.active.Unlock()
	return true
}
