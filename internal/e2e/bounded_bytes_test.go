// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
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
	assert.Less(t, time.Since(start), 10*time.Second)
}
