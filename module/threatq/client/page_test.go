// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
