// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// object_ is a JSON object.
type object_ = map[string]any

// recorded is a request that the fake got.
type recorded struct {
	Line string // method, path and query
	Body any
}

// fakeElasticsearch behaves as the APIs that setup uses do, as far as setup can
// tell. It records every request, and can refuse or die at one.
type fakeElasticsearch struct {
	t  *testing.T
	mu sync.Mutex

	version    string
	serverless bool

	policies, pipelines, componentTemplates, indexTemplates map[string]object_
	indices                                                 map[string]*fakeIndex
	dataStreams                                             map[string][]string
	transforms                                              map[string]*fakeTransform
	tasks                                                   map[string]int // looks until it is done

	requests []recorded
	// refuse answers a request instead of what the fake would; 0 lets it through.
	refuse func(line string) (status int, body string)
	// dieAt is the number, from 1 on, of the request at which the client dies:
	// before the server did what it asks for, or after. 0 is never.
	dieAt    int
	dieAfter bool
	dead     bool
}

func newFake(t *testing.T) *fakeElasticsearch {
	return &fakeElasticsearch{
		t: t, version: "8.17.0",
		policies: map[string]object_{}, pipelines: map[string]object_{},
		componentTemplates: map[string]object_{}, indexTemplates: map[string]object_{},
		indices: map[string]*fakeIndex{}, dataStreams: map[string][]string{},
		transforms: map[string]*fakeTransform{}, tasks: map[string]int{},
	}
}

// start serves the fake on a loopback port and returns its URL. Stop waits for
// the requests under way, such as one that the client repeats.
func (f *fakeElasticsearch) start() (url string, stop func()) {
	server := httptest.NewServer(f)
	f.t.Cleanup(server.Close)
	return server.URL, server.Close
}

// sent returns the recorded requests.
func (f *fakeElasticsearch) sent() []recorded {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

// forget drops the recorded requests.
func (f *fakeElasticsearch) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = nil
}

// die lets the client die at a request, counted from here; 0 lets it live.
func (f *fakeElasticsearch) die(at int, after bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests, f.dead, f.dieAt, f.dieAfter = nil, false, at, after
}

func (f *fakeElasticsearch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()

	line := r.Method + " " + r.URL.Path
	if r.URL.RawQuery != "" {
		line += "?" + r.URL.RawQuery
	}
	hangUp := func() {
		f.dead = true
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.Close()
		}
	}
	if f.dead {
		hangUp()
		return
	}
	content := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			f.t.Errorf("%s: %v", line, err)
			return
		}
		content = unzipped
	}
	data, _ := io.ReadAll(content)
	var body any
	if len(strings.TrimSpace(string(data))) > 0 {
		if err := json.Unmarshal(data, &body); err != nil {
			f.t.Errorf("%s: the body is no JSON: %v", line, err)
		}
	}
	first := line == "GET /"
	if !first {
		f.requests = append(f.requests, recorded{line, body})
	}
	if !first && f.dieAt == len(f.requests) && !f.dieAfter {
		hangUp()
		return
	}
	var status int
	var answer any
	if f.refuse != nil {
		var text string
		if status, text = f.refuse(line); status != 0 {
			answer = json.RawMessage(text)
		}
	}
	if status == 0 {
		object, _ := body.(object_)
		status, answer = f.serve(r, object)
	}
	f.checkAlias(line)
	if !first && f.dieAt == len(f.requests) && f.dieAfter {
		hangUp()
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if r, ok := answer.(json.RawMessage); ok {
		_, _ = w.Write(r)
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

var acknowledged = object_{"acknowledged": true}

func notFound(what string) (int, any) { return failure(404, "resource_not_found_exception", what) }

func failure(status int, kind, reason string) (int, any) {
	return status, object_{"error": object_{"type": kind, "reason": reason}, "status": status}
}

func (f *fakeElasticsearch) serve(r *http.Request, body object_) (int, any) {
	p := r.URL.Path
	name := path.Base(p)
	switch {
	case p == "/":
		flavor := "default"
		if f.serverless {
			flavor = "serverless"
		}
		return 200, object_{"name": "fake", "version": object_{"number": f.version, "build_flavor": flavor}}
	case strings.HasPrefix(p, "/_ilm/policy/"):
		if f.serverless {
			return failure(410, "api_not_available_exception", "not available in serverless")
		}
		return f.named(r.Method, f.policies, name, body, func(b object_) object_ {
			return object_{name: object_{"version": 1, "policy": b["policy"]}}
		})
	case strings.HasPrefix(p, "/_ingest/pipeline/"):
		return f.named(r.Method, f.pipelines, name, body, func(b object_) object_ { return object_{name: b} })
	case strings.HasPrefix(p, "/_component_template/"):
		if _, exists := f.componentTemplates[name]; exists && r.Method == http.MethodPut && r.URL.Query().Get("create") == "true" {
			return failure(400, "illegal_argument_exception", "component template ["+name+"] already exists")
		}
		return f.named(r.Method, f.componentTemplates, name, body, func(b object_) object_ {
			return object_{"component_templates": []any{object_{"name": name, "component_template": b}}}
		})
	case p == "/_index_template/*":
		list := []any{}
		for _, name := range slices.Sorted(maps.Keys(f.indexTemplates)) {
			list = append(list, object_{"name": name, "index_template": f.indexTemplates[name]})
		}
		return 200, object_{"index_templates": list}
	case strings.HasPrefix(p, "/_index_template/"):
		if parts, _ := body["composed_of"].([]any); len(parts) > 0 && f.componentTemplates[parts[0].(string)] == nil {
			return failure(400, "invalid_index_template_exception", fmt.Sprintf("component templates %v do not exist", parts))
		}
		return f.named(r.Method, f.indexTemplates, name, body, func(b object_) object_ {
			return object_{"index_templates": []any{object_{"name": name, "index_template": b}}}
		})
	case strings.HasPrefix(p, "/_data_stream/"):
		list := []any{}
		for _, ds := range slices.Sorted(maps.Keys(f.dataStreams)) {
			var indices []any
			for _, index := range f.dataStreams[ds] {
				indices = append(indices, object_{"index_name": index})
			}
			list = append(list, object_{"name": ds, "indices": indices})
		}
		return 200, object_{"data_streams": list}
	case strings.HasPrefix(p, "/_transform/"):
		return f.transform(r, strings.Split(strings.TrimPrefix(p, "/_transform/"), "/"), body)
	case strings.HasPrefix(p, "/_alias/"):
		found := object_{}
		for index, i := range f.indices {
			if properties, ok := i.aliases[name]; ok {
				found[index] = object_{"aliases": object_{name: properties}}
			}
		}
		if len(found) == 0 {
			return 404, object_{"error": "alias [" + name + "] missing", "status": 404}
		}
		return 200, found
	case p == "/_aliases":
		return f.changeAliases(body)
	case p == "/_reindex":
		return f.reindex(body)
	case strings.HasPrefix(p, "/_tasks/"):
		left, ok := f.tasks[name]
		if !ok {
			return notFound("task [" + name + "] isn't running and hasn't stored its results")
		}
		f.tasks[name] = left - 1
		return 200, object_{"completed": left <= 0, "task": object_{}, "response": object_{"failures": []any{}}}
	}
	return f.index(r, strings.Split(strings.TrimPrefix(p, "/"), "/"), body)
}

func (f *fakeElasticsearch) named(method string, all map[string]object_, name string, body object_, wrap func(object_) object_) (int, any) {
	switch method {
	case http.MethodPut:
		all[name] = body
		return 200, acknowledged
	case http.MethodGet:
		if b, ok := all[name]; ok {
			return 200, wrap(b)
		}
		return notFound(name)
	}
	return failure(405, "", "Incorrect HTTP method")
}

// state returns everything that the server has, for a comparison.
func (f *fakeElasticsearch) state() map[string]any {
	f.mu.Lock()
	defer f.mu.Unlock()
	indices := map[string]any{}
	for _, i := range f.indices {
		// The number in the name tells how often a move was begun.
		indices[fmt.Sprint("index ", len(indices))] = object_{"mapping": i.mapping, "docs": i.docs, "aliases": i.aliases}
	}
	transforms := map[string]any{}
	for id, t := range f.transforms {
		config := maps.Clone(t.config)
		dest := config["dest"].(object_)["index"].(string)
		if f.indices[dest] == nil {
			f.t.Errorf("the transform %s writes to %s, which does not exist", id, dest)
		} else if f.indices[dest].aliases[assets.Alias] == nil {
			f.t.Errorf("the transform %s writes to %s, which is not behind the alias", id, dest)
		}
		delete(config, "dest")
		delete(config, "_meta") // its hash covers dest
		transforms[id] = object_{"config": config, "state": t.state}
	}
	state := object_{
		"policies": f.policies, "pipelines": f.pipelines, "component templates": f.componentTemplates,
		"index templates": f.indexTemplates, "indices": indices, "transforms": transforms, "data streams": f.dataStreams,
	}
	data, err := json.Marshal(state)
	require.NoError(f.t, err)
	var copied map[string]any
	require.NoError(f.t, json.Unmarshal(data, &copied))
	return copied
}

// changes returns the recorded requests that change something.
func (f *fakeElasticsearch) changes() []string {
	var lines []string
	for _, r := range f.sent() {
		if !strings.HasPrefix(r.Line, "GET ") {
			lines = append(lines, r.Line)
		}
	}
	return lines
}

// only returns the one key of m.
func only(t *testing.T, m any) string {
	keys := reflect.ValueOf(m).MapKeys()
	require.Len(t, keys, 1)
	return keys[0].String()
}
