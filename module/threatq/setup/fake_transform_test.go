// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
)

type fakeTransform struct {
	config object_
	state  string
	reason string
	health object_
	// stopping counts the looks until a transform that was told to stop has.
	stopping int
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
