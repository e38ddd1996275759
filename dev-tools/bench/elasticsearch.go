// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
)

// acceptor stands for an Elasticsearch that takes every document and keeps none.
type acceptor struct {
	*httptest.Server
	documents atomic.Int64 // taken since the start of the run
}

func newAcceptor() *acceptor {
	a := &acceptor{}
	a.Server = httptest.NewServer(a)
	return a
}

// ServeHTTP answers what Libbeat's output asks for when it connects, and bulk requests.
func (a *acceptor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Path == "/_bulk":
		a.bulk(w, r)
	case r.URL.Path == "/_license":
		fmt.Fprint(w, `{"license":{"uid":"bench","type":"basic","status":"active"}}`)
	default:
		fmt.Fprint(w, `{"name":"bench","version":{"number":"9.4.0","build_flavor":"default"}}`)
	}
}

func (a *acceptor) bulk(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unzipped
	}
	text, err := io.ReadAll(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	n := bytes.Count(text, []byte("\n")) / 2 // an action and a document each
	const taken = `{"create":{"status":201}},`
	fmt.Fprintf(w, `{"took":1,"errors":false,"items":[%s]}`, strings.TrimSuffix(strings.Repeat(taken, n), ","))
	a.documents.Add(int64(n))
}

// output is the setting of an output that publishes to it, with the defaults of
// Libbeat and without the assets of either program.
func (a *acceptor) output() string {
	return fmt.Sprintf(`
output.elasticsearch.hosts: [%q]
setup: {template.enabled: false, ilm.enabled: false}
`, a.URL)
}
