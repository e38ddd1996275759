// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"compress/gzip"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zapcore"

	"github.com/threatqbeat/threatqbeat/config"
)

func TestPage(t *testing.T) {
	a := newAppliance(t, says(onePage), says(`{"data": [], "nextCursorMark": "AoE/=="}`))
	c, logs, reg := newClientWith(t, a.config(), Options{UserAgent: "threatqbeat/1.2.3"})

	page, err := c.Page(background, "")
	require.NoError(t, err)
	assert.Equal(t, []string{`{"id": 1}`, `{"id": 2}`}, texts(page))
	assert.Equal(t, "*", page.Mark)
	assert.Equal(t, "AoE/==", page.NextCursorMark)
	assert.EqualValues(t, 2, page.Total)
	assert.EqualValues(t, len(onePage), page.Bytes)
	assert.False(t, page.Last())
	page.Release()
	page.Release()
	assert.Empty(t, page.Indicators)

	page, err = c.Page(background, "AoE/==")
	require.NoError(t, err)
	assert.True(t, page.Last())
	assert.EqualValues(t, -1, page.Total)
	page.Release()

	sent := a.seen(dataPath)
	require.Len(t, sent, 2)
	assert.Equal(t, http.MethodGet, sent[0].Method)
	assert.Equal(t, map[string][]string{
		"sort": {"updated_at"}, "limit": {"1000"}, "cursorMark": {"*"}, "fields": {"*,sources,attributes,attributes.name,attributes.value"},
	}, map[string][]string(sent[0].Form))
	assert.Equal(t, "AoE/==", sent[1].Form.Get("cursorMark"))
	assert.Contains(t, sent[1].URL.RawQuery, "AoE%2F%3D%3D")
	for _, r := range sent {
		assert.Equal(t, "Bearer token-1", r.Header.Get("Authorization"))
		assert.Equal(t, "threatqbeat/1.2.3", r.Header.Get("User-Agent"))
		assert.Equal(t, "application/json", r.Header.Get("Accept"))
	}
	assert.Equal(t, sent[0].RemoteAddr, sent[1].RemoteAddr, "the connection is used again")
	assert.Equal(t, sent[0].RemoteAddr, a.seen("/api/token")[0].RemoteAddr, "the connection is used again")

	for name, want := range map[string]int64{
		"http_requests_total": 3, "http_responses_2xx_total": 3, "http_responses_4xx_total": 0, "http_errors_total": 0,
		"http_retries_total": 0, "pages_received_total": 2, "tokens_requested_total": 1, "token_errors_total": 0,
	} {
		assert.Equal(t, want, metric(reg, name), name)
	}
	assert.Greater(t, metric(reg, "bytes_received_total"), int64(len(onePage)))

	lines := logs.FilterMessage("HTTP request").All()
	require.Len(t, lines, 3, "one line per request")
	assert.Equal(t, "threatq.client", lines[1].LoggerName)
	fields := lines[1].ContextMap()
	assert.Positive(t, fields["event.duration"])
	delete(fields, "event.duration")
	assert.Equal(t, map[string]any{
		"http.request.method": "GET", "url.path": dataPath, "http.response.status_code": int64(200),
		"http.response.body.bytes": int64(len(onePage)), "attempt": int64(1),
	}, fields)
	assert.Zero(t, logs.Len()-len(lines), "nothing else is logged")
}

func TestPageWithoutFields(t *testing.T) {
	a := newAppliance(t, says(onePage))
	cfg := a.config()
	cfg.FieldsParam, cfg.PageSize = "", 7
	c, _, _ := newClient(t, cfg)
	page, err := c.Page(background, "*")
	require.NoError(t, err)
	page.Release()
	form := a.seen(dataPath)[0].Form
	assert.False(t, form.Has("fields"))
	assert.Equal(t, "7", form.Get("limit"))
}

// PageOf asks for other fields than the configuration, and goes the same way.
func TestPageOf(t *testing.T) {
	a := newAppliance(t, status(503), says(onePage))
	c, _, _ := newClient(t, a.config())
	page, err := c.PageOf(background, "abc", "id,updated_at")
	require.NoError(t, err)
	assert.Len(t, page.Indicators, 2)
	page.Release()
	for _, request := range a.seen(dataPath) {
		assert.Equal(t, "id,updated_at", request.Form.Get("fields"))
		assert.Equal(t, "abc", request.Form.Get("cursorMark"))
	}
	assert.Len(t, a.seen(dataPath), 2)
}

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

func TestPageTooLarge(t *testing.T) {
	big := `{"data": ["` + strings.Repeat("a", 100_000) + `"]}`
	chunked := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, big[:1000])
		w.(http.Flusher).Flush()
		fmt.Fprint(w, big[1000:])
	}
	endless := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"data": [{}`)
		for r.Context().Err() == nil {
			if _, err := fmt.Fprint(w, strings.Repeat(",{}", 1000)); err != nil {
				return
			}
		}
	}
	bomb := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		endless(gzipResponse{w, z}, r)
		z.Close()
	}
	for name, answer := range map[string]http.HandlerFunc{"with length": says(big), "without": chunked, "endless": endless, "bomb": bomb} {
		t.Run(name, func(t *testing.T) {
			a := newAppliance(t, answer)
			cfg := a.config()
			cfg.Request.MaxBodySize = 64 << 10
			c, _, _ := newClient(t, cfg)
			page, err := c.Page(background, "abc")
			assert.Nil(t, page)
			asError(t, err, FailureBodyTooLarge)
			assert.Contains(t, err.Error(), ": the page is larger than request.max_body_size (64KiB); lower page_size (now 1000), or raise request.max_body_size")
			assert.Len(t, a.seen(dataPath), 1, "it would be as large again")
		})
	}
	t.Run("just fits", func(t *testing.T) {
		a := newAppliance(t, says(big))
		cfg := a.config()
		cfg.Request.MaxBodySize = config.ByteSize(len(big))
		c, _, _ := newClient(t, cfg)
		page, err := c.Page(background, "abc")
		require.NoError(t, err)
		assert.EqualValues(t, len(big), page.Bytes)
		page.Release()
	})
}

type gzipResponse struct {
	http.ResponseWriter
	z *gzip.Writer
}

func (g gzipResponse) Write(p []byte) (int, error) { return g.z.Write(p) }

func TestPageCompressed(t *testing.T) {
	a := newAppliance(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.WriteHeader(http.StatusNotAcceptable)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		fmt.Fprint(z, onePage)
		z.Close()
	})
	c, _, _ := newClient(t, a.config())
	page, err := c.Page(background, "")
	require.NoError(t, err)
	assert.Len(t, page.Indicators, 2)
	assert.EqualValues(t, len(onePage), page.Bytes)
	page.Release()
}

// On the last attempt the best is made of what there is.
func TestPageDamaged(t *testing.T) {
	for name, test := range map[string]struct {
		answer     http.HandlerFunc
		failure    Failure // "" for no error
		want       []string
		unreadable int
	}{
		"one indicator is not valid": {says(`{"total":3,"data":[{"id":1},{"id":02,,},{"id":3}],"nextCursorMark":"n"}`), "",
			[]string{`{"id":1}`, `{"id":02,,}`, `{"id":3}`}, 1},
		"control character":          {says("{\"data\":[{\"id\":\"\x01\"}],\"nextCursorMark\":\"n\"}"), "", []string{"{\"id\":\"\x01\"}"}, 1},
		"warning behind":             {says(`{"data":[{"id":1}],"nextCursorMark":"n"}<br/>Notice: x`), "", []string{`{"id":1}`}, 0},
		"comma too many":             {says(`{"data":[{"id":1},],"nextCursorMark":"n",}`), "", []string{`{"id":1}`}, 0},
		"ends in an indicator":       {says(`{"data":[{"id":1},{"id":2},{"id":3`), FailureAnswer, []string{`{"id":1}`, `{"id":2}`}, 0},
		"ends behind an indicator":   {says(`{"data":[{"id":1},{"id":2}`), FailureAnswer, []string{`{"id":1}`, `{"id":2}`}, 0},
		"ends behind the data":       {says(`{"data":[{"id":1},{"id":2}],"nextCursorMark":"n"`), FailureAnswer, []string{`{"id":1}`, `{"id":2}`}, 0},
		"ends, one is not valid":     {says(`{"data":[{"id":1},{"id":?},{"id":3},{`), FailureAnswer, []string{`{"id":1}`, `{"id":3}`}, 0},
		"garbage in between":         {says(`{"data":[{"id":1},{"id":2}oops{"id":3}],"nextCursorMark":"n"}`), FailureAnswer, []string{`{"id":1}`, `{"id":2}`}, 0},
		"brackets the wrong way":     {says(`{"data":[{"id":1},{"id":[2}]},{"id":3}],"nextCursorMark":"n"}`), FailureAnswer, []string{`{"id":1}`}, 0},
		"connection closed":          {truncated(`{"data":[{"id":1},{"id":2},{"i`), FailureUnreachable, []string{`{"id":1}`, `{"id":2}`}, 0},
		"closed behind all":          {truncated(onePage), FailureUnreachable, []string{`{"id": 1}`, `{"id": 2}`}, 0},
		"nothing to be read":         {says(`{"data":[{"id`), FailureAnswer, []string{}, 0},
		"data as an object, damaged": {says(`{"data":{"0":{"id":1},"2":{"id":01}},"nextCursorMark":"n"}`), "", []string{`{"id":1}`, `{"id":01}`}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAppliance(t, test.answer)
			c, logs, reg := newClient(t, a.config())
			page, err := c.Page(background, "abc")
			defer page.Release()
			assert.Equal(t, test.want, texts(page))
			assert.Len(t, a.seen(dataPath), 3, "it is tried again first")
			if test.failure == "" {
				require.NoError(t, err)
				assert.Equal(t, "n", page.NextCursorMark)
				assert.False(t, page.Truncated)
				assert.Equal(t, test.unreadable, page.Unreadable)
				assert.Equal(t, 1, logs.FilterMessageSnippet("not valid JSON").Len())
				assert.EqualValues(t, 1, metric(reg, "pages_received_total"))
				return
			}
			asError(t, err, test.failure)
			assert.Zero(t, metric(reg, "pages_received_total"))
			if len(test.want) == 0 {
				assert.Nil(t, page)
				return
			}
			assert.True(t, page.Truncated)
			assert.Empty(t, page.NextCursorMark, "the cursor must not move")
			assert.False(t, page.Last())
		})
	}
}

// An answer that is all commas would cost many times its size otherwise.
func TestPageOfCommas(t *testing.T) {
	a := newAppliance(t, says(`{"data": [`+strings.Repeat("0,", maxElements+1)+"0]}"))
	cfg := a.config()
	cfg.Request.Retry.MaxAttempts = 1
	c, _, _ := newClient(t, cfg)
	page, err := c.Page(background, "abc")
	assert.Nil(t, page)
	asError(t, err, FailureAnswer)
	assert.Contains(t, err.Error(), ": the answer holds more than 1048576 indicators; check url")
}

// An indicator that is nested beyond reason costs neither its page nor time.
func TestPageNested(t *testing.T) {
	deep := `{"id":2,"x":` + strings.Repeat(`[`, 100_000) + strings.Repeat(`]`, 100_000) + `}`
	a := newAppliance(t, says(`{"data":[{"id":1},`+deep+`,{"id":3}],"nextCursorMark":"n"}`))
	c, _, _ := newClient(t, a.config())
	page, err := c.Page(background, "abc")
	require.NoError(t, err)
	defer page.Release()
	require.Len(t, page.Indicators, 3)
	assert.Equal(t, `{"id":3}`, string(page.Indicators[2]))
	assert.Equal(t, 1, page.Unreadable)
	assert.Equal(t, "n", page.NextCursorMark)
	assert.Len(t, a.seen(dataPath), 1)
}

func TestPageLast(t *testing.T) {
	one := [][]byte{[]byte("{}")}
	for name, test := range map[string]struct {
		page Page
		want bool
	}{
		"empty":        {Page{Mark: "a", NextCursorMark: "b"}, false},
		"same mark":    {Page{Mark: "a", NextCursorMark: "a", Indicators: one}, true},
		"no mark":      {Page{Mark: "a", Indicators: one}, true},
		"another mark": {Page{Mark: "a", NextCursorMark: "b", Indicators: one}, false},
		"truncated":    {Page{Mark: "a", Indicators: one, Truncated: true}, false},
	} {
		assert.Equal(t, test.want, test.page.Last(), name)
	}
}

// Pages are independent of each other: one is being published while the next
// is being read.
func TestPagesInParallel(t *testing.T) {
	a := newAppliance(t, func(w http.ResponseWriter, r *http.Request) {
		mark := r.FormValue("cursorMark")
		fmt.Fprintf(w, `{"data": [%s], "nextCursorMark": "next"}`, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("%q,", mark), 500), ","))
	})
	c, _, _ := newClient(t, a.config())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				mark := fmt.Sprintf("mark-%d-%d", i, j)
				page, err := c.Page(background, mark)
				if !assert.NoError(t, err) {
					return
				}
				for _, raw := range page.Indicators {
					if !assert.Equal(t, fmt.Sprintf("%q", mark), string(raw)) {
						return
					}
				}
				page.Release()
			}
		})
	}
	wg.Wait()
	assert.Len(t, a.seen("/api/token"), 1, "one token for all")
}

func TestRateLimit(t *testing.T) {
	a := newAppliance(t, says(onePage))
	cfg := a.config()
	cfg.Request.RateLimit = config.RequestRateLimit{Limit: 50, Burst: 2}
	c, _, _ := newClient(t, cfg)
	start := time.Now()
	for range 4 {
		page, err := c.Page(background, "a")
		require.NoError(t, err)
		page.Release()
	}
	assert.GreaterOrEqual(t, time.Since(start), 55*time.Millisecond, "five requests, three of them 20ms apart")

	// The token and the first page use the burst up for longer than any machine takes.
	cfg.Request.RateLimit = config.RequestRateLimit{Limit: 0.001, Burst: 2}
	c, _, reg := newClient(t, cfg)
	page, err := c.Page(background, "a")
	require.NoError(t, err)
	page.Release()
	assert.Zero(t, metric(reg, "http_rate_limit_waits_total"))
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	go func() {
		for ctx.Err() == nil && metric(reg, "http_rate_limit_waits_total") == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	_, err = c.Page(ctx, "a")
	asError(t, err, FailureCanceled)
}

func TestErrorIsFound(t *testing.T) {
	e := &Error{Failure: FailureForbidden, Op: "reading", Reason: "no"}
	assert.Same(t, e, asError(t, fmt.Errorf("collecting: %w", e), FailureForbidden))
	assert.Equal(t, "reading: no", e.Error())
}

// An empty list is the end of a collection, although the answer has a place for errors.
func TestPlaceForErrors(t *testing.T) {
	for _, value := range noErrors {
		a := newAppliance(t, says(`{"data": [], "nextCursorMark": "abc", "errors": `+value+`}`))
		c, _, _ := newClient(t, a.config())
		page, err := c.Page(background, "abc")
		require.NoError(t, err, value)
		assert.True(t, page.Last())
		page.Release()
	}
}
