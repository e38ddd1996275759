// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
	"github.com/threatqbeat/threatqbeat/module/threatq/threat"
)

// alias stands for an Elasticsearch that holds the active indicators of an appliance,
// as verify reads them. It makes each page anew.
type alias struct {
	acceptor
	appliance *simulator.Simulator
	mapper    *threat.Mapper
	next      int // the index of the first indicator of the next page
}

func newAlias(appliance *simulator.Simulator) *alias {
	input := config.DefaultInput()
	a := &alias{appliance: appliance, mapper: threat.NewMapper(threat.MapperConfigOf(&input))}
	a.Server = httptest.NewServer(a)
	return a
}

// ServeHTTP answers the requests for a view and its pages, which come one by one.
func (a *alias) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	switch r.Method + " " + r.URL.Path {
	case "POST /" + assets.Alias + "/_pit":
		a.next = 0
		fmt.Fprint(w, `{"id":"view"}`)
	case "DELETE /_pit":
		fmt.Fprint(w, `{"succeeded":true}`)
	case "POST /_search":
		a.search(w, r)
	default:
		a.acceptor.ServeHTTP(w, r)
	}
}

// search answers with the next active indicators, which the simulator has in the order
// of their ids.
func (a *alias) search(w http.ResponseWriter, r *http.Request) {
	var search struct {
		Size int `json:"size"`
	}
	if err := json.NewDecoder(r.Body).Decode(&search); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprint(w, `{"pit_id":"view","timed_out":false,"_shards":{"failed":0},"hits":{"hits":[`)
	now := time.Now()
	for n := 0; n < search.Size && a.next < a.appliance.Len(); a.next++ {
		brief, err := a.mapper.Brief(a.appliance.Indicator(a.next), now)
		if err != nil || !brief.ExpiredAt.After(now) {
			continue
		}
		if n++; n > 1 {
			fmt.Fprint(w, ",")
		}
		fmt.Fprintf(w, `{"sort":[%d,%d],"fields":{`, brief.ID, brief.IndicatorID)
		if brief.Version != registry.Undated {
			fmt.Fprintf(w, `"threatq.updated_at":["%d"]`, brief.Version)
		}
		fmt.Fprint(w, "}}")
	}
	fmt.Fprint(w, "]}}")
}
