// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

// transformed is an Elasticsearch whose transform has no delay: it holds the latest
// event of each indicator that has not expired, and lets verify read them.
type transformed struct {
	*httptest.Server
	bulk elasticsearch

	mu     sync.Mutex
	latest map[[2]int64]beattest.Event
	view   []beattest.Event
}

func startTransformed(t *testing.T) *transformed {
	es := &transformed{latest: map[[2]int64]beattest.Event{}}
	es.bulk = elasticsearch{blocked: make(chan struct{}), refuse: func(beattest.Event) *verdict { return nil }, take: es.put}
	close(es.bulk.blocked)
	es.Server = httptest.NewServer(es)
	es.bulk.Server = es.Server
	t.Cleanup(es.Close)
	return es
}

func keyOf(event beattest.Event) (key [2]int64) {
	for n, field := range []string{"threatq.id", "threatq.indicator_id"} {
		key[n] = math.MinInt64
		if id, ok := event.Get(field).(float64); ok {
			key[n] = int64(id)
		}
	}
	return key
}

func (es *transformed) put(event beattest.Event) {
	es.mu.Lock()
	defer es.mu.Unlock()
	es.latest[keyOf(event)] = event
}

func (es *transformed) remove(n int) {
	es.mu.Lock()
	defer es.mu.Unlock()
	for _, event := range es.activeLocked()[:n] {
		delete(es.latest, keyOf(event))
	}
}

// activeLocked returns what the alias shows, in the order of the identifiers.
func (es *transformed) activeLocked() []beattest.Event {
	var active []beattest.Event
	for _, event := range es.latest {
		expires, err := time.Parse(time.RFC3339, fmt.Sprint(event.Get("threatq.ioc_expired_at")))
		if err == nil && expires.After(time.Now()) {
			active = append(active, event)
		}
	}
	slices.SortFunc(active, func(a, b beattest.Event) int {
		ka, kb := keyOf(a), keyOf(b)
		return slices.Compare(ka[:], kb[:])
	})
	return active
}

func (es *transformed) active() int {
	es.mu.Lock()
	defer es.mu.Unlock()
	return len(es.activeLocked())
}

func (es *transformed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	switch r.Method + " " + r.URL.Path {
	case "POST /logs-ti_threatq_latest.threat/_pit":
		es.mu.Lock()
		es.view = es.activeLocked()
		es.mu.Unlock()
		fmt.Fprint(w, `{"id":"view"}`)
	case "DELETE /_pit":
		fmt.Fprint(w, `{"succeeded":true}`)
	case "POST /_search":
		es.search(w, r)
	default:
		es.bulk.ServeHTTP(w, r)
	}
}

func (es *transformed) search(w http.ResponseWriter, r *http.Request) {
	var search struct {
		Size  int     `json:"size"`
		After []int64 `json:"search_after"`
	}
	if err := json.NewDecoder(r.Body).Decode(&search); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	es.mu.Lock()
	defer es.mu.Unlock()
	from := 0
	if search.After != nil {
		from = int(search.After[2]) + 1
	}
	hits := []any{}
	for n := from; n < len(es.view) && len(hits) < search.Size; n++ {
		key, fields := keyOf(es.view[n]), map[string]any{}
		if updated, err := time.Parse(time.RFC3339, fmt.Sprint(es.view[n].Get("threatq.updated_at"))); err == nil {
			fields["threatq.updated_at"] = []string{fmt.Sprint(updated.Unix())}
		}
		hits = append(hits, map[string]any{"sort": []int64{key[0], key[1], int64(n)}, "fields": fields})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"pit_id": "view", "hits": map[string]any{"hits": hits}})
}

// verify says whether both sides agree, by its exit code; repairs, and can be told
// to; and says so when it can't tell.
func TestVerify(t *testing.T) {
	t.Parallel()
	cfg := tidy(2_000)
	cfg.BaseTime = time.Now() // nothing expires within a day of it
	sim := startAppliance(t, cfg)
	es := startTransformed(t)
	dir := beattest.NewDir(t)
	configure := func(settings map[string]any) {
		all := es.bulk.output(nil)
		all["threatqbeat.inputs"] = []any{sim.input("one", map[string]any{"interval": "1h", "page_size": 100})}
		for key, value := range settings {
			all[key] = value
		}
		dir.Configure(all)
	}
	configure(nil)
	beat := dir.Start("run")
	beat.Eventually("all indicators", func() bool {
		es.mu.Lock()
		defer es.mu.Unlock()
		return len(es.latest) == sim.Len()
	})

	verify := func(args ...string) (string, int) {
		return dir.Run(append([]string{"verify", "--wait", "0s", "--timeout", "20s"}, args...)...)
	}
	t.Run("equal while the beat runs", func(t *testing.T) {
		require.Greater(t, es.active(), 100)
		output, code := verify()
		assert.Zero(t, code, output)
		assert.Contains(t, output, fmt.Sprintf("Equal: the alias holds the %d active indicators", es.active()))
	})
	t.Run("different, then repaired", func(t *testing.T) {
		active := es.active()
		es.remove(7)
		es.put(beattest.Event{"threatq": map[string]any{"id": 9e9, "indicator_id": 9e9, "ioc_expired_at": "2999-01-01T00:00:00Z"}})
		output, code := verify()
		assert.Equal(t, 1, code, output)
		assert.Contains(t, output, "missing   7 ")
		assert.Contains(t, output, "foreign   1 ")
		assert.Contains(t, output, "threatq.id 9000000000")
		output, code = verify("--repair")
		assert.Equal(t, 1, code, output)
		assert.NotContains(t, output, "missing   ")
		assert.Contains(t, output, "foreign   1 ")
		output, code = verify("--retire-foreign", "--json")
		assert.Zero(t, code, output)
		assert.Equal(t, active, es.active())
		var retired beattest.Event
		es.mu.Lock()
		retired = es.latest[[2]int64{9e9, 9e9}]
		es.mu.Unlock()
		assert.Equal(t, "Expiration set since ThreatQ's data collection no longer holds the indicator", retired.Get("threatq.ioc_expiration_reason"))
		assert.Equal(t, []any{"forwarded", "threatq-threat"}, retired.Get("tags"), "the common settings of the input")
	})
	t.Run("one of two inputs", func(t *testing.T) {
		other := startAppliance(t, tidy(10))
		configure(map[string]any{"threatqbeat.inputs": []any{
			sim.input("one", map[string]any{"interval": "1h"}), other.input("two", map[string]any{"interval": "1h"}),
		}})
		es.put(beattest.Event{"threatq": map[string]any{"id": 8e9, "ioc_expired_at": "2999-01-01T00:00:00Z"}})
		output, code := verify("--input", "one")
		assert.Zero(t, code, output)
		output, code = verify("--input", "three")
		assert.Equal(t, 2, code, output)
		assert.Contains(t, output, `no input with the id "three" is configured: there is "one", "two"`)
	})
	t.Run("could not tell", func(t *testing.T) {
		configure(map[string]any{"output": map[string]any{"file": map[string]any{"path": dir.File("out")}}})
		output, code := verify()
		assert.Equal(t, 2, code, output)
		assert.Contains(t, output, `the output is "file": name the cluster`)
		configure(map[string]any{"output": map[string]any{"elasticsearch": map[string]any{"hosts": []string{"http://127.0.0.1:1"}}}})
		output, code = verify()
		assert.Equal(t, 2, code, output)
		assert.Contains(t, output, "can't be reached")
	})
	require.False(t, beat.Exited(), "verify runs beside it")
}
