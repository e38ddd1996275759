// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zapcore"
)

// What fails once and then works costs an attempt and nothing else.
func TestPageRetried(t *testing.T) {
	whole := strings.Repeat(" ", 200) + onePage
	for name, fault := range map[string]http.HandlerFunc{
		"429":                        status(429),
		"429 with seconds":           status(429, "Retry-After", "0"),
		"408":                        status(408),
		"500":                        status(500),
		"502":                        status(502),
		"503":                        status(503),
		"reset":                      hijack(reset),
		"closed":                     hijack(func(net.Conn) {}),
		"truncated":                  truncated(whole[:220]),
		"truncated at the end":       truncated(whole),
		"truncated chunk":            hijack(func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{") }),
		"ended early without length": hijack(func(c net.Conn) { fmt.Fprint(c, "HTTP/1.0 200 OK\r\n\r\n"+whole[:210]) }),
		"html":                       says("<!DOCTYPE html><html><body>Log in</body></html>"),
		"empty":                      says(""),
		"white space":                says(" \n"),
		"no JSON at the start":       says("oops" + onePage),
		"no JSON in the middle":      says(strings.Replace(onePage, `{"id": 2}`, `{"id": 2]`, 1)),
		"a wrong indicator":          says(strings.Replace(onePage, `{"id": 2}`, `{"id": 2 "a"}`, 1)),
		"no JSON at the end":         says(onePage + "}"),
		"warning at the end":         says(onePage + "<br />Warning: Undefined"),
		"other JSON":                 says(`{"errors": ["try again"]}`),
		"not an object":              says(`[{"id": 1}]`),
		"data is no list":            says(`{"data": "none", "nextCursorMark": "a"}`),
		"no content":                 status(204),
		"switching protocols":        switches,
		"a mark rejected once":       status(400),
		"broken gzip": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, "this is not gzip")
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAppliance(t, fault, says(onePage))
			// net/http repeats a request by itself when a connection that it
			// uses again turns out to be closed.
			a.Config.SetKeepAlivesEnabled(false)
			c, logs, reg := newClient(t, a.config())
			page, err := c.Page(background, "abc")
			require.NoError(t, err)
			assert.Equal(t, []string{`{"id": 1}`, `{"id": 2}`}, texts(page))
			assert.Zero(t, page.Unreadable)
			page.Release()
			assert.Len(t, a.seen(dataPath), 2)
			assert.EqualValues(t, 1, metric(reg, "http_retries_total"))
			assert.EqualValues(t, 1, metric(reg, "pages_received_total"))
			for _, e := range logs.All() {
				assert.Equal(t, "HTTP request", e.Message)
			}
		})
	}
}

// What goes on failing ends in an Error that says so, in plain words.
func TestPageFails(t *testing.T) {
	const op = "reading a page of data collection " + testCollection + " from HOST"
	const lacks = op + ` failed after 3 attempts: the answer lacks "data", the list of indicators`
	const refused = "; something in between may refuse the request; if it is the appliance that refuses the cursor, run threatqbeat cursor reset"
	none := func(status string) string {
		return op + " failed after 3 attempts: the appliance answered " + status + ", which holds no answer; check url and what stands in between"
	}
	html := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			fmt.Fprint(w, "<html><body>Blocked</body></html>")
		}
	}
	for name, test := range map[string]struct {
		fault    http.HandlerFunc
		mark     string
		requests int
		failure  Failure
		want     string
	}{
		"400 at the start":  {status(400), "*", 1, FailureStatus, op + ": the appliance answered 400 (Bad Request); check url, page_size and fields_param"},
		"422 at the start":  {status(422), "", 1, FailureStatus, op + ": the appliance answered 422 (Unprocessable Entity); check url, page_size and fields_param"},
		"400 later":         {status(400), "abc", 2, FailureCursorRejected, op + ` failed after 2 attempts: the appliance rejects the cursor mark "abc" (400); collection has to start over from the beginning`},
		"422 later":         {status(422), "abc", 2, FailureCursorRejected, op + ` failed after 2 attempts: the appliance rejects the cursor mark "abc" (422); collection has to start over from the beginning`},
		"401":               {status(401), "abc", 2, FailureCredentials, op + ": the appliance refuses a token that it issued a moment ago (401); check in ThreatQ that the API client is enabled and may read threat data"},
		"403":               {status(403), "abc", 1, FailureForbidden, op + ": the API client may not read it (403); give the API client of auth.oauth2.client.id a role in ThreatQ that may read the data collection"},
		"404":               {status(404), "abc", 1, FailureCollectionUnknown, op + ": the appliance knows no such data collection (404); check data_collection_id and url"},
		"405":               {status(405), "abc", 1, FailureStatus, op + ": the appliance answered 405 (Method Not Allowed); check url, page_size and fields_param"},
		"429":               {status(429), "abc", 3, FailureRateLimited, op + " failed after 3 attempts: the appliance answers that there are too many requests (429); lower the load with request.rate_limit.limit or a longer interval"},
		"429 for hours":     {status(429, "Retry-After", "7200"), "abc", 1, FailureRateLimited, op + ": the appliance answers that there are too many requests (429) (it asks to wait 2h0m0s); lower the load with request.rate_limit.limit or a longer interval"},
		"503 for hours":     {status(503, "Retry-After", "7200"), "abc", 1, FailureServer, op + ": the appliance answered 503 (Service Unavailable) (it asks to wait 2h0m0s); look at the appliance's own logs"},
		"500":               {status(500), "abc", 3, FailureServer, op + " failed after 3 attempts: the appliance answered 500 (Internal Server Error); look at the appliance's own logs"},
		"597":               {status(597), "abc", 3, FailureServer, op + " failed after 3 attempts: the appliance answered 597; look at the appliance's own logs"},
		"304":               {hijack(func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 304 Not Modified\r\n\r\n") }), "abc", 1, FailureStatus, op + ": the appliance answered 304 (Not Modified) without saying where to; check url"},
		"400 of a proxy":    {html(400), "abc", 3, FailureAnswer, op + " failed after 3 attempts: the appliance answered 400 (Bad Request) without the JSON of an appliance's answer" + refused},
		"422 of a proxy":    {html(422), "*", 3, FailureAnswer, op + " failed after 3 attempts: the appliance answered 422 (Unprocessable Entity) without the JSON of an appliance's answer" + refused},
		"101":               {switches, "abc", 3, FailureAnswer, none("101 (Switching Protocols)")},
		"204":               {status(204), "abc", 3, FailureAnswer, none("204 (No Content)")},
		"205":               {status(205), "abc", 3, FailureAnswer, none("205 (Reset Content)")},
		"206":               {status(206), "abc", 3, FailureAnswer, none("206 (Partial Content)")},
		"302":               {status(302), "abc", 1, FailureStatus, op + ": the appliance answered 302 (Found) without saying where to; check url"},
		"error, no data":    {says(`{"error": "index", "total": 0}`), "abc", 3, FailureAnswer, lacks + ", and holds an error; check url"},
		"error at first":    {says(`{"errors": ["index"], "data": null}`), "*", 3, FailureAnswer, lacks + ", and holds an error; check url"},
		"error, empty data": {says(`{"data": [], "total": 0, "error": "search is down"}`), "abc", 3, FailureAnswer, op + " failed after 3 attempts: the answer holds an error and no indicators; check url"},
		"data null":         {says(`{"data": null}`), "abc", 3, FailureAnswer, lacks + "; check url"},
		"only a total":      {says(`{"total": 0}`), "abc", 3, FailureAnswer, lacks + "; check url"},
		"a total at first":  {says(`{"total": 5}`), "*", 3, FailureAnswer, lacks + ", though it holds a total of 5; check url"},
		"html":              {says("<html>"), "abc", 3, FailureAnswer, op + " failed after 3 attempts: the answer is an HTML or XML page instead of JSON; check url; a login page or a proxy may stand in between"},
		"empty":             {says(""), "abc", 3, FailureAnswer, op + " failed after 3 attempts: the answer is empty; if it goes on, look at the appliance's own logs"},
		"not JSON":          {says(`{"data": ???`), "abc", 3, FailureAnswer, op + " failed after 3 attempts: the answer is not valid JSON, from byte 9 of 12; if it goes on, look at the appliance's own logs"},
		"other JSON":        {says(`{"error": "x"}`), "abc", 3, FailureAnswer, op + " failed after 3 attempts: the answer is JSON, but not a page of indicators; check url"},
		"data is no list":   {says(`{"data": 7}`), "abc", 3, FailureAnswer, op + ` failed after 3 attempts: the answer is JSON, but its "data" is no list of indicators; check url`},
		"mark too long":     {says(`{"nextCursorMark": "` + strings.Repeat("a", 20000) + `"}`), "abc", 3, FailureAnswer, op + " failed after 3 attempts: the answer's nextCursorMark can't be read, or is longer than 16384 bytes; check url"},
		"reset":             {hijack(reset), "abc", 3, FailureUnreachable, op + " failed after 3 attempts: the appliance reset the connection; check that the appliance is running and that nothing in between blocks the connection"},
		"closed":            {hijack(func(net.Conn) {}), "abc", 3, FailureUnreachable, op + " failed after 3 attempts: the appliance closed the connection before the answer was complete; check that the appliance is running and that nothing in between blocks the connection"},
		"no HTTP":           {hijack(func(c net.Conn) { fmt.Fprint(c, "SSH-2.0-OpenSSH_9.6\r\n") }), "abc", 3, FailureAnswer, op + " failed after 3 attempts: the other side does not speak HTTP; check the port in url, and whether it has to be https://"},
		"deeply nested":     {says(`{"data": [` + strings.Repeat("[", 200_000)), "abc", 3, FailureAnswer, op + " failed after 3 attempts: the answer is not valid JSON, from byte 520 of 200010; if it goes on, look at the appliance's own logs"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAppliance(t, test.fault)
			a.Config.SetKeepAlivesEnabled(false)
			c, logs, reg := newClient(t, a.config())
			page, err := c.Page(background, test.mark)
			assert.Nil(t, page)
			e := asError(t, err, test.failure)
			assert.Equal(t, test.want, strings.ReplaceAll(err.Error(), a.Listener.Addr().String(), "HOST"))
			assert.Len(t, a.seen(dataPath), test.requests)
			assert.EqualValues(t, test.requests+len(a.seen("/api/token")), metric(reg, "http_requests_total"))
			assert.Zero(t, metric(reg, "pages_received_total"))
			assert.Equal(t, strings.Contains(test.want, "2h0m0s"), e.RetryAfter == 2*time.Hour)
			for _, entry := range logs.All() {
				assert.Equal(t, zapcore.DebugLevel, entry.Level, "errors are the caller's to log")
			}
		})
	}
}

func TestPageUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	listener.Close()

	c, _, reg := newClient(t, testConfig("http://"+address))
	_, err = c.Page(background, "")
	e := asError(t, err, FailureUnreachable)
	assert.Equal(t, "requesting a token from http://"+address+"/api/token failed after 3 attempts: the appliance at "+address+
		" refuses the connection; check that the appliance is running and that nothing in between blocks the connection", err.Error())
	assert.Equal(t, 3, e.Attempts)
	assert.EqualValues(t, 3, metric(reg, "http_errors_total"))
	assert.EqualValues(t, 1, metric(reg, "token_errors_total"))
}

func TestPageUnknownHost(t *testing.T) {
	c, _, _ := newClient(t, testConfig("https://threatq.example.com"))
	c.dial = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "threatq.example.com", IsNotFound: true}}
	}
	for _, transport := range c.transports {
		transport.DialContext = c.dial
	}
	_, err := c.Page(background, "")
	asError(t, err, FailureUnreachable)
	assert.Equal(t, "requesting a token from https://threatq.example.com/api/token failed after 3 attempts: "+
		`the host name "threatq.example.com" of the appliance is not known to the DNS server; check the host in url and this host's DNS settings`, err.Error())
}

// A body that stops arriving is given up after the timeout, and one that
// trickles below the least rate as well; one that makes progress is not.
func TestPageStalled(t *testing.T) {
	trickle := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			fmt.Fprint(w, " ")
			w.(http.Flusher).Flush()
			time.Sleep(5 * time.Millisecond)
		}
	}
	for name, fault := range map[string]http.HandlerFunc{
		"before the headers": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"in the body":        stalls(onePage[:30]),
		"trickling":          trickle,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t, fault, says(onePage))
			cfg := a.config()
			cfg.Request.Timeout = 200 * time.Millisecond
			c, _, _ := newClient(t, cfg)
			start := time.Now()
			page, err := c.Page(background, "")
			require.NoError(t, err)
			page.Release()
			assert.Less(t, time.Since(start), 20*time.Second)

			a = newAppliance(t, fault)
			cfg.URL, cfg.Request.Retry.MaxAttempts = a.URL, 1
			c, _, _ = newClient(t, cfg)
			_, err = c.Page(background, "")
			asError(t, err, FailureUnreachable)
			assert.Contains(t, err.Error(), "200ms (request.timeout)")
		})
	}
}

func TestPageSlowButSteady(t *testing.T) {
	body := strings.Repeat(" ", 50_000) + onePage
	a := newAppliance(t, func(w http.ResponseWriter, _ *http.Request) {
		for rest := body; rest != ""; {
			n := min(len(rest), 1000)
			fmt.Fprint(w, rest[:n])
			w.(http.Flusher).Flush()
			rest = rest[n:]
			time.Sleep(25 * time.Millisecond)
		}
	})
	cfg := a.config()
	cfg.Request.Timeout = time.Second
	cfg.Request.Retry.MaxAttempts = 1
	c, _, _ := newClient(t, cfg)
	start := time.Now()
	page, err := c.Page(background, "")
	require.NoError(t, err)
	page.Release()
	assert.Greater(t, time.Since(start), cfg.Request.Timeout, "it took longer than the timeout in all")
}

func TestPageCanceled(t *testing.T) {
	for name, fault := range map[string]http.HandlerFunc{
		"while waiting for the headers": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"while reading the body":        stalls(`{"data": [{"id": 1},`),
		"while waiting for a retry":     status(503, "Retry-After", "60"),
	} {
		t.Run(name, func(t *testing.T) {
			seen := make(chan struct{}, 10)
			a := newAppliance(t, func(w http.ResponseWriter, r *http.Request) { seen <- struct{}{}; fault(w, r) })
			c, _, _ := newClient(t, a.config())
			ctx, cancel := context.WithCancel(background)
			var ended time.Time
			go func() {
				<-seen
				time.Sleep(20 * time.Millisecond)
				ended = time.Now()
				cancel()
			}()
			page, err := c.Page(ctx, "")
			assert.Less(t, time.Since(ended), 20*time.Second)
			assert.Nil(t, page)
			asError(t, err, FailureCanceled)
			assert.ErrorIs(t, err, context.Canceled)
			assert.Contains(t, err.Error(), "stopped before it was done")
		})
	}
	t.Run("before it began", func(t *testing.T) {
		a := newAppliance(t, says(onePage))
		c, _, _ := newClient(t, a.config())
		ctx, cancel := context.WithCancel(background)
		cancel()
		_, err := c.Page(ctx, "")
		asError(t, err, FailureCanceled)
		assert.Empty(t, a.requests)
	})
	t.Run("by a deadline", func(t *testing.T) {
		a := newAppliance(t, stalls(""))
		c, _, _ := newClient(t, a.config())
		ctx, cancel := context.WithTimeout(background, 50*time.Millisecond)
		defer cancel()
		_, err := c.Page(ctx, "")
		asError(t, err, FailureCanceled)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
