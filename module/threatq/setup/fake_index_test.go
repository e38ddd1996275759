// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"fmt"
	"maps"
	"net/http"
	"path"
	"strings"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

type fakeIndex struct {
	mapping  object_
	settings object_ // below index
	docs     map[string]string
	aliases  object_
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
