// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest/observer"

	"github.com/elastic/elastic-agent-libs/logp/logptest"
	"github.com/elastic/elastic-agent-libs/monitoring"

	"github.com/threatqbeat/threatqbeat/config"
)

const (
	testID         = "api-client"
	testSecret     = "s3cr3t&of the=client"
	testCollection = "0123456789abcdef"
	dataPath       = "/api/indicators/query/hash/" + testCollection
	onePage        = `{"total": 2, "data": [{"id": 1}, {"id": 2}], "nextCursorMark": "AoE/=="}`
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// appliance is a small stand-in that a test tells what to answer. The tokens
// that it issues are token-1, token-2 and so on.
type appliance struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request // with their forms parsed
	tokens   int
	token    http.HandlerFunc // nil: issue one
	data     []http.HandlerFunc
}

// newAppliance starts one that answers data requests one after the other, and
// repeats the last.
func newAppliance(t testing.TB, data ...http.HandlerFunc) *appliance {
	a := &appliance{data: data}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *appliance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	a.mu.Lock()
	a.requests = append(a.requests, r)
	var answer http.HandlerFunc
	switch {
	case r.URL.Path != "/api/token":
		answer = a.data[0]
		if len(a.data) > 1 {
			a.data = a.data[1:]
		}
	case a.token != nil:
		answer = a.token
	default:
		a.tokens++
		answer = says(fmt.Sprintf(`{"access_token": "token-%d", "token_type": "Bearer", "expires_in": 172799}`, a.tokens))
	}
	a.mu.Unlock()
	answer(w, r)
}

// seen returns the requests to a path.
func (a *appliance) seen(path string) []*http.Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []*http.Request
	for _, r := range a.requests {
		if r.URL.Path == path {
			out = append(out, r)
		}
	}
	return out
}

// config returns a configuration for the appliance with short waits.
func (a *appliance) config() config.Input { return testConfig(a.URL) }

func testConfig(address string) config.Input {
	cfg := config.DefaultInput()
	cfg.URL = address
	cfg.Auth.OAuth2.Client = config.AuthOAuth2Client{ID: testID, Secret: config.NewSecret(testSecret)}
	cfg.DataCollectionID = testCollection
	cfg.Request.Timeout = 5 * time.Second
	cfg.Request.Retry = config.RequestRetry{MaxAttempts: 3, WaitMin: time.Millisecond, WaitMax: 2 * time.Millisecond}
	return cfg
}

// says answers with a body.
func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
}

// status answers with a status and headers (name, value, ...).
func status(code int, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"errors": "status %d"}`, code)
	}
}

// hijack hands the connection to f, then closes it.
func hijack(f func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			f(conn)
			conn.Close()
		}
	}
}

// reset ends the connection with a TCP reset.
func reset(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0) }

// switches answers 101 and keeps the connection, as for a WebSocket.
func switches(w http.ResponseWriter, r *http.Request) {
	hijack(func(conn net.Conn) {
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_, _ = conn.Read(make([]byte, 1)) // until the client goes away
	})(w, r)
}

// truncated promises more than it sends.
func truncated(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)+100))
		fmt.Fprint(w, body)
	}
}

// stalls sends a part and then nothing until the client goes away.
func stalls(part string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, part)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
}

// newClient returns a Client with what it logs, and its metrics.
func newClient(t testing.TB, cfg config.Input) (*Client, *observer.ObservedLogs, *monitoring.Registry) {
	t.Helper()
	return newClientWith(t, cfg, Options{})
}

func newClientWith(t testing.TB, cfg config.Input, opts Options) (*Client, *observer.ObservedLogs, *monitoring.Registry) {
	t.Helper()
	log, logs := logptest.NewTestingLoggerWithObserver(t, "threatq")
	reg := monitoring.NewRegistry()
	opts.Metrics = reg
	c, err := New(cfg, log, opts)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c, logs, reg
}

// metric returns the value of a metric.
func metric(reg *monitoring.Registry, name string) int64 {
	return monitoring.CollectFlatSnapshot(reg, monitoring.Full, false).Ints[name]
}

// logText returns everything that was logged, fields included.
func logText(logs *observer.ObservedLogs) string {
	var b strings.Builder
	for _, e := range logs.All() {
		fmt.Fprintf(&b, "%s %s %s %v\n", e.Level, e.LoggerName, e.Message, e.ContextMap())
	}
	return b.String()
}

// asError returns err as an *Error of a failure.
func asError(t testing.TB, err error, want Failure) *Error {
	t.Helper()
	require.Error(t, err)
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, want, e.Failure, "%v", err)
	return e
}

func texts(p *Page) []string {
	out := []string{}
	if p != nil {
		for _, raw := range p.Indicators {
			out = append(out, string(raw))
		}
	}
	return out
}

var background = context.Background()

// openFiles returns how many files this process has open, where that can be
// found out.
func openFiles(t testing.TB) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here")
	}
	return len(entries)
}
