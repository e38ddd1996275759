// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestServerEndsWithoutTrace(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := newSimulator(t, testConfig(10))
	srv, err := s.Start("")
	require.NoError(t, err)
	require.NoError(t, s.Inject("token/hang"))
	transport := &http.Transport{}
	ended := make(chan error, 1)
	go func() {
		_, err := (&http.Client{Transport: transport}).Post(srv.URL+TokenPath, "text/plain", nil)
		ended <- err
	}()
	require.Eventually(t, func() bool { return len(s.PendingFaults()) == 0 }, time.Minute, time.Millisecond)
	require.NoError(t, srv.Close())
	require.NoError(t, srv.Close(), "closing again does no harm")
	assert.Error(t, <-ended)
	transport.CloseIdleConnections()
}

func TestApplianceThatIsDownForAWhile(t *testing.T) {
	a := startAppliance(t, testConfig(10)).login()
	addr := strings.TrimPrefix(a.srv.URL, "http://")
	require.NoError(t, a.srv.Close())
	_, _, err := a.get(StartMark, 5)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)

	again, err := a.Start(addr)
	require.NoError(t, err)
	defer again.Close()
	assert.Len(t, a.page(StartMark, 5).Data, 5, "tokens and content are still there")
}

func TestStartRefuses(t *testing.T) {
	s := newSimulator(t, testConfig(1))
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:80", "example.com:80"} {
		_, err := s.Start(addr)
		assert.ErrorContains(t, err, "AllowRemote is false, it must be true to listen on "+addr, addr)
	}
	_, err := s.Start("8080")
	assert.ErrorContains(t, err, "it must be a host and a port")

	srv, err := s.Start("localhost:0")
	require.NoError(t, err)
	_, err = s.Start(strings.TrimPrefix(srv.URL, "http://"))
	assert.ErrorContains(t, err, "starting the simulator at")
	require.NoError(t, srv.Close())
}

func TestConfigValidate(t *testing.T) {
	require.NoError(t, DefaultConfig().validate())
	require.NoError(t, Config{}.validate())
	for want, change := range map[string]func(*Config){
		"Indicators is -1, it must be 0 to 1000000000":  func(c *Config) { c.Indicators = -1 },
		`DataCollectionID is "a/b"`:                     func(c *Config) { c.DataCollectionID = "a/b" },
		"TokenTTL is 1ms, it must be 1s or more":        func(c *Config) { c.TokenTTL = time.Millisecond },
		"Latency is -1s":                                func(c *Config) { c.Latency = -time.Second },
		"UpdatesPerSecond is -1":                        func(c *Config) { c.UpdatesPerSecond = -1 },
		"Untidy is 1.5, it must be a share from 0 to 1": func(c *Config) { c.Untidy = 1.5 },
		"Unreadable is -0.1":                            func(c *Config) { c.Unreadable = -0.1 },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		_, err := New(cfg)
		assert.ErrorContains(t, err, want)
	}
}

func TestUpdateRates(t *testing.T) {
	now := testBase
	cfg := testConfig(100)
	cfg.Now = func() time.Time { return now }
	cfg.UpdatesPerSecond = 2
	a := startAppliance(t, cfg).login()
	last := a.drain(StartMark, 30, func(json.RawMessage) {})
	now = now.Add(5 * time.Second)
	assert.Len(t, a.page(last, 50).Data, 10)

	cfg.UpdatesPerSecond, cfg.LeavesPerSecond, cfg.JoinsPerSecond = 0, 3, 1
	a = startAppliance(t, cfg).login()
	now = now.Add(5 * time.Second)
	a.page(StartMark, 1)
	assert.Equal(t, 90, a.Len())
}

func TestLatency(t *testing.T) {
	cfg := testConfig(1)
	cfg.Latency = 20 * time.Millisecond
	a := startAppliance(t, cfg).login()
	start := time.Now()
	a.page(StartMark, 1)
	assert.GreaterOrEqual(t, time.Since(start), cfg.Latency)
}

func TestPageCacheServesTheSameBytes(t *testing.T) {
	cfg := testConfig(300)
	plain := startAppliance(t, cfg).login()
	cfg.PageCacheBytes = 10 << 20
	cached := startAppliance(t, cfg).login()
	assert.Greater(t, cached.Warm(100, testFields), int64(300_000))
	assert.Len(t, cached.cache.pages, 4)

	compare := func() {
		t.Helper()
		for range 2 {
			mark := StartMark
			for {
				_, want, err := plain.get(mark, 100)
				require.NoError(t, err)
				_, got, err := cached.get(mark, 100)
				require.NoError(t, err)
				require.Equal(t, string(want), string(got))
				var p testPage
				require.NoError(t, json.Unmarshal(got, &p))
				if mark = p.NextCursorMark; len(p.Data) == 0 {
					break
				}
			}
		}
	}
	compare()
	require.NoError(t, plain.Update(5))
	require.NoError(t, cached.Update(5))
	compare()

	cfg.PageCacheBytes = 1000
	small := newSimulator(t, cfg)
	small.Warm(100, testFields)
	assert.Empty(t, small.cache.pages, "a page that is too large isn't kept")
}

func TestControlAPI(t *testing.T) {
	cfg := testConfig(20)
	cfg.Control = true
	a := startAppliance(t, cfg).login()
	call := func(method, path string) (int, map[string]any) {
		req, err := http.NewRequest(method, a.srv.URL+controlPath+path, nil)
		require.NoError(t, err)
		resp, err := a.client.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		var answer map[string]any
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
		return resp.StatusCode, answer
	}
	_, answer := call("POST", "touch?n=3")
	assert.Len(t, answer["ids"], 3)
	_, answer = call("POST", "add?n=2")
	assert.Len(t, answer["ids"], 2)
	assert.Equal(t, 22, a.Len())
	_, answer = call("POST", "leave?n=4")
	assert.Len(t, answer["ids"], 4)
	_, answer = call("POST", "join?n=1")
	assert.Len(t, answer["ids"], 1)
	assert.Equal(t, 19, a.Len())
	_, answer = call("POST", "faults?spec=503*2")
	assert.EqualValues(t, 1, answer["armed"])
	assert.Len(t, a.PendingFaults(), 1)
	_, _ = call("DELETE", "faults")
	assert.Empty(t, a.PendingFaults())
	_, _ = call("POST", "revoke")
	resp, _, err := a.get(StartMark, 1)
	require.NoError(t, err)
	assert.Equal(t, 401, resp.StatusCode)
	_, answer = call("GET", "stats")
	assert.EqualValues(t, 1, answer["tokens"])
	for path, want := range map[string]int{"faults?spec=fire": 400, "add?n=-1": 400, "touch?n=x": 400, "nothing": 404} {
		status, _ := call("POST", path)
		assert.Equal(t, want, status, path)
	}
}

// TestConcurrentUse is for the race detector. Every reader gets each indicator although all of them change.
func TestConcurrentUse(t *testing.T) {
	for _, cache := range []int64{0, 1 << 20} {
		cfg := testConfig(200)
		cfg.PageCacheBytes = cache
		cfg.Untidy = 0.3
		a := startAppliance(t, cfg).login()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		var writers, readers sync.WaitGroup
		for w := range 2 {
			writers.Add(1)
			go func() {
				defer writers.Done()
				for i := range 60 {
					a.Touch(3)
					_ = a.Put(int64(1+(i*7+w)%200), Fields{"score": i})
					_ = a.Inject("503:mark=none" + strconv.Itoa(i))
					_ = a.Stats()
					a.ClearFaults()
				}
				for range a.Expected() {
				}
			}()
		}
		errs := make(chan error, 4)
		for range 4 {
			readers.Add(1)
			go func() {
				defer readers.Done()
				errs <- a.collectAll(ctx, 200)
			}()
		}
		writers.Wait()
		readers.Wait()
		close(errs)
		for err := range errs {
			assert.NoError(t, err)
		}
	}
}

// collectAll pages to the end and checks that n ids came by. It doesn't use testing.T, so that any goroutine can.
func (a *appliance) collectAll(ctx context.Context, n int) error {
	ids := make(map[string]bool)
	for mark := StartMark; ; {
		resp, err := a.client.Do(a.request(mark, 50).WithContext(ctx))
		if err != nil {
			return err
		}
		var p struct {
			Data []struct {
				ID          any `json:"id"`
				IndicatorID any `json:"indicator_id"`
			}
			NextCursorMark string
		}
		err = json.NewDecoder(resp.Body).Decode(&p)
		resp.Body.Close()
		if err != nil {
			return err
		}
		for _, d := range p.Data {
			id := d.ID
			if id == nil {
				id = d.IndicatorID
			}
			raw, _ := json.Marshal(id)
			ids[strings.Trim(string(raw), `"`)] = true
		}
		if mark = p.NextCursorMark; len(p.Data) == 0 {
			break
		}
	}
	if len(ids) != n {
		return errors.New(strconv.Itoa(len(ids)) + " indicators arrived")
	}
	return nil
}
