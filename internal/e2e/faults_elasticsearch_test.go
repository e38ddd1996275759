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
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

// elasticsearch takes bulk requests and answers as a test wants.
type elasticsearch struct {
	*httptest.Server
	mu       sync.Mutex
	requests int
	taken    []beattest.Event
	blocked  chan struct{}                       // closed: free
	refuse   func(event beattest.Event) *verdict // nil: takes it
	take     func(event beattest.Event)          // instead of keeping them
	latency  time.Duration                       // between taking a bulk and saying so
}

// startElasticsearch starts one that takes everything.
func startElasticsearch(t *testing.T) *elasticsearch {
	return startElasticsearchAt(t, "127.0.0.1:0")
}

// startElasticsearchAt starts one at an address.
func startElasticsearchAt(t *testing.T, address string) *elasticsearch {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	es := &elasticsearch{blocked: make(chan struct{}), refuse: func(beattest.Event) *verdict { return nil }}
	close(es.blocked)
	es.Server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: es}}
	es.Start()
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

// verdict is what a bulk request's answer says of a document.
type verdict struct {
	Status int               `json:"status"`
	Error  map[string]string `json:"error,omitempty"`
}

// refusal is a verdict as Elasticsearch 8.10.4 gives it.
func refusal(status int, kind, reason string) *verdict {
	return &verdict{status, map[string]string{"type": kind, "reason": reason}}
}

var (
	mappingConflict = refusal(http.StatusBadRequest, "document_parsing_exception", "[1:44] failed to parse field [threatq.id] of type [long] in document with id 'SdIKDaIBUeJv8UqGFSWA'. Preview of field's value: 'none'")
	otherDataStream = refusal(http.StatusBadRequest, "document_parsing_exception", "[1:44] [constant_keyword] field [data_stream.namespace] only accepts values that are equal to the value defined in the mappings")
	tooManyRequests = refusal(http.StatusTooManyRequests, "es_rejected_execution_exception", "rejected execution of coordinating operation")
	serverError     = refusal(http.StatusInternalServerError, "fail_processor_exception", "mine")
	clusterRefusals = map[string]*verdict{
		"no privilege":      refusal(http.StatusForbidden, "security_exception", "action [indices:admin/auto_create] is unauthorized for API key id [U9IKDaIBUeJv8UqGGyWe] of user [elastic] on indices [logs-ti_threatq.threat-default], this action is granted by the index privileges [auto_configure,create_index,manage,all]"),
		"no pipeline":       refusal(http.StatusBadRequest, "illegal_argument_exception", "pipeline with id [logs-ti_threatq.threat] does not exist"),
		"write block":       refusal(http.StatusForbidden, "cluster_block_exception", "index [.ds-logs-ti_threatq.threat-default-2026.11.24-000001] blocked by: [FORBIDDEN/8/index write (api)];"),
		"disk over the top": refusal(http.StatusTooManyRequests, "cluster_block_exception", "index [.ds-logs-ti_threatq.threat-default-2026.11.24-000001] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block];"),
		"shard limit":       refusal(http.StatusBadRequest, "validation_exception", "Validation Failed: 1: this action would add [1] shards, but this cluster currently has [1000]/[1000] maximum normal shards open;"),
		"no index":          refusal(http.StatusNotFound, "index_not_found_exception", "no such index [logs-ti_threatq.threat-default]"),
		"closed index":      refusal(http.StatusBadRequest, "index_closed_exception", "closed"),
		"failing processor": serverError,
	}
)

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
		refused := es.refuse(event)
		if stream := fmt.Sprintf("logs-%s-%s", event.Get("data_stream.dataset"), event.Get("data_stream.namespace")); action.Get("create._index") != stream {
			refused = otherDataStream
		}
		if refused != nil {
			failed = true
			items = append(items, map[string]verdict{"create": *refused})
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
