// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

// elasticsearch takes bulk requests and answers as a test wants.
type elasticsearch struct {
	*httptest.Server
	mu       sync.Mutex
	requests int
	taken    []beattest.Event
	blocked  chan struct{} // closed: free
	refuse   func(event beattest.Event) int
	take     func(event beattest.Event) // instead of keeping them
	latency  time.Duration              // between taking a bulk and saying so
}

// startElasticsearch starts one that takes everything.
func startElasticsearch(t *testing.T) *elasticsearch {
	es := &elasticsearch{blocked: make(chan struct{}), refuse: func(beattest.Event) int { return 0 }}
	close(es.blocked)
	es.Server = httptest.NewServer(es)
	t.Cleanup(func() {
		es.CloseClientConnections()
		es.Close()
	})
	return es
}

// output returns the settings of a threatqbeat that ships to it.
func (es *elasticsearch) output(settings map[string]any) map[string]any {
	output := map[string]any{"hosts": []string{es.URL}, "bulk_max_size": 50, "worker": 1}
	for key, value := range settings {
		output[key] = value
	}
	return map[string]any{
		"output":                 map[string]any{"elasticsearch": output},
		"setup.template.enabled": false, "setup.ilm.enabled": false, "setup.pipelines.enabled": false,
	}
}

// block makes it answer no more until unblock.
func (es *elasticsearch) block() {
	es.mu.Lock()
	defer es.mu.Unlock()
	es.blocked = make(chan struct{})
}

func (es *elasticsearch) unblock() {
	es.mu.Lock()
	defer es.mu.Unlock()
	close(es.blocked)
}

// events are the documents that it has accepted.
func (es *elasticsearch) events() []beattest.Event {
	es.mu.Lock()
	defer es.mu.Unlock()
	return append([]beattest.Event(nil), es.taken...)
}

func (es *elasticsearch) bulks() int {
	es.mu.Lock()
	defer es.mu.Unlock()
	return es.requests
}

func (es *elasticsearch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	if !strings.HasSuffix(r.URL.Path, "/_bulk") {
		fmt.Fprint(w, `{"name":"fake","cluster_name":"fake","version":{"number":"9.2.0","build_flavor":"default"},"tagline":"You Know, for Search"}`)
		return
	}
	content, err := gzip.NewReader(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	body, err := io.ReadAll(content)
	if err != nil {
		return
	}
	es.mu.Lock()
	es.requests++
	blocked := es.blocked
	es.mu.Unlock()
	select {
	case <-blocked:
	case <-r.Context().Done():
		return
	}

	items, failed, err := es.index(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	time.Sleep(es.latency)
	_ = json.NewEncoder(w).Encode(map[string]any{"took": 1, "errors": failed, "items": items})
}

type verdict struct {
	Status int            `json:"status"`
	Error  map[string]any `json:"error,omitempty"`
}

// index takes the documents of a bulk request.
func (es *elasticsearch) index(body []byte) (items []map[string]verdict, failed bool, err error) {
	es.mu.Lock()
	defer es.mu.Unlock()
	lines := json.NewDecoder(bytes.NewReader(body))
	for lines.More() {
		var action, event beattest.Event
		if err := errors.Join(lines.Decode(&action), lines.Decode(&event)); err != nil {
			return nil, false, err
		}
		if status := es.refuse(event); status != 0 {
			failed = true
			items = append(items, map[string]verdict{"create": {status, map[string]any{
				"type": "document_parsing_exception", "reason": "failed to parse",
			}}})
			continue
		}
		if es.take != nil {
			es.take(event)
		} else {
			es.taken = append(es.taken, event)
		}
		items = append(items, map[string]verdict{"create": {Status: http.StatusCreated}})
	}
	return items, failed, nil
}
