// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

// Indicators of 2 MB and an output that takes nothing cost what may be in flight and no
// more, however many there are; and what waits for room doesn't hold up the end.
func TestLargeIndicatorsAndABlockedOutput(t *testing.T) {
	t.Parallel()
	const mega = 1 << 20
	var sent atomic.Int64
	appliance := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/token") {
			fmt.Fprint(w, `{"access_token":"a","token_type":"Bearer","expires_in":3600}`)
			return
		}
		fmt.Fprint(w, `{"total":100000,"data":[`)
		for i := range 10 {
			if i > 0 {
				fmt.Fprint(w, ",")
			}
			id := sent.Add(1)
			fmt.Fprintf(w, `{"id":%d,"value":"192.0.2.1","type":{"name":"IP Address"},"updated_at":"2026-01-01 00:00:00","attributes":[`, id)
			for a := range 8 {
				if a > 0 {
					fmt.Fprint(w, ",")
				}
				fmt.Fprintf(w, `{"name":"a%d","value":"%s"}`, a, strings.Repeat("x", mega/4))
			}
			fmt.Fprint(w, `]}`)
		}
		fmt.Fprintf(w, `],"nextCursorMark":"m%d"}`, sent.Load())
	}))
	defer appliance.Close()
	es := startElasticsearch(t)
	es.block()
	dir := beattest.NewDir(t)
	settings := es.output(nil)
	settings["threatqbeat.inputs"] = []any{beattest.Input("one", appliance.URL, "0123456789abcdef", "id", "secret", nil)}
	settings["threatqbeat.max_ack_delay"] = "3s"
	get := withEndpoint(t, dir, settings)
	dir.Configure(settings)
	beat := dir.Start("run")
	var stats, root beattest.Event
	beat.Eventually("what may be in flight", func() bool {
		get("/stats", &stats)
		bytes, _ := stats.Get("threatqbeat.events.active_bytes").(float64)
		return bytes > 60*mega
	})
	time.Sleep(5 * time.Second)
	peak := peakMemory(t, beat.PID())
	t.Logf("Resident memory: %d MiB at most, %d indicators sent.", peak/mega, sent.Load())
	assert.Less(t, peak, int64(1024*mega))
	assert.Less(t, sent.Load(), int64(100), "indicators fetched while the output is blocked")
	beat.Eventually("the health to say so", func() bool { return get("/", &root) && root.Get("health.status") == "degraded" })
	start := time.Now()
	beat.Stop()
	assert.Less(t, time.Since(start), soon)
}

// pageOfSize writes a page of exactly so many bytes: indicators of one type whose
// values begin with a text and are filled up with another.
func pageOfSize(w io.Writer, size, indicators int, kind, value, filler string) {
	const head, tail = `{"total":1000000,"data":[`, `],"nextCursorMark":"%08d"}`
	page := pageNumber.Add(1)
	left := size - len(head) - len(fmt.Sprintf(tail, page))
	_, err := io.WriteString(w, head)
	for i := range indicators {
		comma := ","
		if i == 0 {
			comma = ""
		}
		begin := fmt.Sprintf(`%s{"id":%d,"updated_at":"2026-01-01 00:00:00","type":{"name":%q},"value":"%s%d/`,
			comma, page*1_000_000+int64(i), kind, value, i)
		const end = `"}`
		fill := left/(indicators-i) - len(begin) - len(end)
		left -= len(begin) + fill + len(end)
		text := strings.Repeat(filler, fill/len(filler)) + strings.Repeat("y", fill%len(filler))
		if err == nil {
			_, err = io.WriteString(w, begin+text+end)
		}
	}
	_, _ = fmt.Fprintf(w, tail, page)
}

var pageNumber atomic.Int64

// Whatever the appliances send, memory stays below a gigabyte at default settings,
// whether the output is blocked or not.
func TestPeakWithTheLargestPages(t *testing.T) {
	beattest.SkipUnderRace(t, "measures memory")
	t.Parallel()
	const size = 256 << 20 // request.max_body_size
	for name, test := range map[string]struct {
		page     func(w io.Writer)
		inputs   int
		settings map[string]any
		// The peak is measured once so many pages were asked for and so many events
		// were taken. An output that is to take none is blocked.
		pages, events int64
	}{
		"few giant indicators": {page: func(w io.Writer) { pageOfSize(w, size, 4, "String", "", "x") }, inputs: 1, pages: 2},
		"control characters in what is no JSON": {
			page:   func(w io.Writer) { pageOfSize(w, size, 32, "String", "", "\xff\x01") },
			inputs: 1, pages: 1, events: 1, settings: map[string]any{"request.retry": map[string]any{"max_attempts": 1}},
		},
		"kept originals": {
			page:   func(w io.Writer) { pageOfSize(w, size, 250, "String", "", `\"`) },
			inputs: 1, pages: 1, settings: map[string]any{"preserve_original_event": true},
		},
		"three appliances": {
			page:   func(w io.Writer) { pageOfSize(w, size, 2000, "URL", "https://www.example.com/", "x") },
			inputs: 3, pages: 3, events: 300,
		},
		"twenty appliances": {
			page: func(w io.Writer) { pageOfSize(w, 60<<20, 400, "URL", "https://www.example.com/", "x") }, inputs: 20, pages: 20, events: 300,
		},
		"pages without an end": {page: func(w io.Writer) {
			_, err := io.WriteString(w, `{"data":[`)
			for piece := strings.Repeat(`{"id":1,"value":"192.0.2.1"},`, 10_000); err == nil; {
				_, err = io.WriteString(w, piece)
			}
		}, inputs: 2, pages: 6},
	} {
		t.Run(name, func(t *testing.T) {
			es := startElasticsearch(t)
			var taken, requests atomic.Int64
			es.take = func(beattest.Event) { taken.Add(1) }
			if test.events == 0 {
				es.block()
			}
			dir := beattest.NewDir(t)
			settings := es.output(map[string]any{"bulk_max_size": 1600})
			var inputs []any
			for i := range test.inputs {
				a := (&oddAppliance{page: func(w http.ResponseWriter, _ int, _ string) {
					requests.Add(1)
					test.page(w)
				}}).start(t)
				inputs = append(inputs, a.input(fmt.Sprint("input-", i), test.settings))
			}
			settings["threatqbeat.inputs"] = inputs
			settings["logging"] = map[string]any{"level": "info", "to_files": true}
			dir.Configure(settings)
			beat := dir.Start("run")
			peak := int64(0)
			beat.Eventually("the pages and events", func() bool {
				peak = peakMemory(t, beat.PID())
				return peak > size/2 && requests.Load() >= test.pages && taken.Load() >= test.events
			})
			for before := int64(0); before < peak; peak = peakMemory(t, beat.PID()) {
				before = peak
				time.Sleep(2 * time.Second)
			}
			t.Logf("Peak %d MiB, %d pages, %d events.", peak>>20, requests.Load(), taken.Load())
			assert.Less(t, peak, int64(1)<<30)
			beat.Kill()
		})
	}
}
