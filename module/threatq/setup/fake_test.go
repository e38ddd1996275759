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

type fakeIndex struct {
	mapping  object_
	settings object_ // below index
	docs     map[string]string
	aliases  object_
}

type fakeTransform struct {
	config object_
	state  string
	reason string
	health object_
	// stopping counts the looks until a transform that was told to stop has.
	stopping int
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

// checkAlias fails the test if a search through the alias could see no index, or
// two, or fewer documents than before.
func (f *fakeElasticsearch) checkAlias(line string) {
	var behind []string
	most := 0
	for name, index := range f.indices {
		most = max(most, len(index.docs))
		if _, ok := index.aliases[assets.Alias]; ok {
			behind = append(behind, name)
		}
	}
	if len(f.indices) == 0 {
		return
	}
	if len(behind) != 1 {
		f.t.Errorf("after %s the alias is on %v", line, behind)
		return
	}
	if n := len(f.indices[behind[0]].docs); n < most {
		f.t.Errorf("after %s the alias shows %d of %d indicators", line, n, most)
	}
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

func (f *fakeElasticsearch) index(r *http.Request, parts []string, body object_) (int, any) {
	name := parts[0]
	if len(parts) == 2 && parts[1] == "_mapping" {
		found := object_{}
		for index, i := range f.indices {
			if ok, _ := path.Match(name, index); ok {
				found[index] = object_{"mappings": i.mapping}
			}
		}
		for _, indices := range f.dataStreams {
			for _, index := range indices {
				if index == name {
					found[index] = object_{"mappings": f.backing(index)}
				}
			}
		}
		return 200, found
	}
	if len(parts) == 2 && parts[1] == "_rollover" {
		indices := f.dataStreams[name]
		if indices == nil {
			return failure(400, "illegal_argument_exception", "not a data stream")
		}
		f.dataStreams[name] = append(indices, fmt.Sprintf(".ds-%s-%06d@%s", name, len(indices)+1, assets.Hash(f.indexTemplates[assets.TemplateName])))
		return 200, object_{"acknowledged": true, "rolled_over": true}
	}
	i := f.indices[name]
	switch {
	case len(parts) == 1 && r.Method == http.MethodPut:
		if i != nil {
			return failure(400, "resource_already_exists_exception", "index ["+name+"] already exists")
		}
		template := f.indexTemplates[assets.DestTemplateName]
		if template == nil {
			return failure(400, "illegal_argument_exception", "cannot create index with name ["+name+"], because it matches with template [logs] that creates data streams only")
		}
		i = &fakeIndex{docs: map[string]string{}, aliases: object_{}}
		i.mapping, _ = template["template"].(object_)["mappings"].(object_)
		settings, _ := template["template"].(object_)["settings"].(object_)
		i.settings, _ = settings["index"].(object_)
		if aliases, ok := body["aliases"].(object_); ok {
			i.aliases = aliases
		}
		f.indices[name] = i
		return 200, acknowledged
	case i == nil:
		return failure(404, "index_not_found_exception", "no such index ["+name+"]")
	case len(parts) == 1 && r.Method == http.MethodDelete:
		delete(f.indices, name)
		return 200, acknowledged
	case len(parts) == 2 && parts[1] == "_settings":
		return 200, object_{name: object_{"settings": object_{"index": i.settings}}}
	case len(parts) == 2 && parts[1] == "_refresh":
		return 200, object_{"_shards": object_{}}
	case len(parts) == 2 && parts[1] == "_count":
		return 200, object_{"count": len(i.docs)}
	}
	return failure(400, "illegal_argument_exception", "no handler found for uri ["+r.URL.Path+"]")
}

// backing returns the mapping of a data stream's index: its name ends with the
// hash of the template that it was made from, or with fleet if that was Fleet's.
func (f *fakeElasticsearch) backing(index string) object_ {
	_, hash, _ := strings.Cut(index, "@")
	if hash == "fleet" {
		return object_{"_meta": object_{"managed_by": "fleet", "managed": true}}
	}
	version := assets.Version()
	return object_{"_meta": object_{"managed_by": "threatqbeat", "version": version, "hash": hash}}
}

func (f *fakeElasticsearch) changeAliases(body object_) (int, any) {
	actions, _ := body["actions"].([]any)
	for _, a := range actions {
		for what, v := range a.(object_) {
			properties := maps.Clone(v.(object_))
			index, alias := f.indices[properties["index"].(string)], properties["alias"].(string)
			if index == nil {
				return failure(404, "index_not_found_exception", fmt.Sprint("no such index [", properties["index"], "]"))
			}
			switch what {
			case "remove":
				delete(index.aliases, alias)
			case "add":
				delete(properties, "index")
				delete(properties, "alias")
				index.aliases[alias] = properties
			}
		}
	}
	return 200, acknowledged
}

func (f *fakeElasticsearch) reindex(body object_) (int, any) {
	from := f.indices[body["source"].(object_)["index"].(string)]
	to := f.indices[body["dest"].(object_)["index"].(string)]
	if from == nil || to == nil {
		return failure(404, "index_not_found_exception", "no such index")
	}
	for id, t := range f.transforms {
		if t.state != "stopped" && t.config["dest"].(object_)["index"] == body["source"].(object_)["index"] {
			f.t.Errorf("reindex while the transform %s is %s", id, t.state)
		}
	}
	maps.Copy(to.docs, from.docs)
	task := fmt.Sprintf("node:%d", len(f.tasks)+1)
	f.tasks[task] = 2
	return 200, object_{"task": task}
}

func (f *fakeElasticsearch) transform(r *http.Request, parts []string, body object_) (int, any) {
	id, verb := parts[0], ""
	if len(parts) > 1 {
		verb = parts[1]
	}
	t := f.transforms[id]
	if r.Method == http.MethodGet {
		list := []any{}
		for _, name := range slices.Sorted(maps.Keys(f.transforms)) {
			if ok, _ := path.Match(id, name); !ok && !slices.Contains(strings.Split(id, ","), name) {
				continue
			}
			t := f.transforms[name]
			if verb == "_stats" {
				if t.state == "stopping" {
					if t.stopping--; t.stopping <= 0 {
						t.state = "stopped"
					}
				}
				list = append(list, object_{"id": name, "state": t.state, "reason": t.reason, "health": t.health})
				continue
			}
			config := maps.Clone(t.config)
			config["id"], config["version"], config["create_time"] = name, f.version, 1
			list = append(list, config)
		}
		return 200, object_{"count": len(list), "transforms": list}
	}
	if r.Method == http.MethodPut {
		if t != nil {
			return failure(400, "resource_already_exists_exception", "Transform with id ["+id+"] already exists")
		}
		for _, unknown := range []string{"id", "version", "create_time"} {
			if _, ok := body[unknown]; ok {
				return failure(400, "x_content_parse_exception", "unknown field ["+unknown+"]")
			}
		}
		f.transforms[id] = &fakeTransform{config: body, state: "stopped"}
		return 200, acknowledged
	}
	if t == nil {
		return notFound("Transform with id [" + id + "] could not be found")
	}
	switch {
	case r.Method == http.MethodDelete:
		if t.state != "stopped" {
			return failure(409, "status_exception", "Cannot delete transform ["+id+"] as the task is running")
		}
		delete(f.transforms, id)
		return 200, acknowledged
	case verb == "_start":
		if t.state == "started" {
			return failure(409, "status_exception", "Cannot start transform ["+id+"] as it is already started.")
		}
		if index := t.config["dest"].(object_)["index"].(string); f.indices[index] == nil {
			f.t.Errorf("the transform %s was started and would create %s", id, index)
		}
		for other, o := range f.transforms {
			if other != id && o.state != "stopped" {
				f.t.Errorf("the transform %s was started while %s is %s", id, other, o.state)
			}
		}
		t.state = "started"
		return 200, acknowledged
	case verb == "_stop":
		if t.state == "failed" && r.URL.Query().Get("force") != "true" {
			return failure(409, "status_exception", "Unable to stop transform ["+id+"] as it is in a failed state")
		}
		if t.state != "stopped" {
			t.state, t.stopping = "stopping", 2
		}
		return 200, acknowledged
	case verb == "_update":
		if _, ok := body["latest"]; ok {
			return failure(400, "x_content_parse_exception", "unknown field [latest]")
		}
		maps.Copy(t.config, body)
		return 200, t.config
	}
	return failure(400, "illegal_argument_exception", "no handler found")
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
