// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/elastic/elastic-agent-libs/mapstr"
	"github.com/elastic/elastic-agent-libs/version"
)

//go:generate go run ../../../dev-tools/fieldsgen -root ../../..

//go:embed *.yml mapping_source.json mapping_dest.json
var files embed.FS

// Body is what is sent to an API: a JSON object.
type Body = map[string]any

// Server says what a body is for.
type Server struct {
	// Version is Elasticsearch's. A Serverless project's is not looked at.
	Version version.V
	// Serverless projects are always newest, and have no ILM.
	Serverless bool
}

// TransformOptions is what of the transform depends on configuration and state.
type TransformOptions struct {
	// DestIndex is the index of active indicators that it writes to.
	DestIndex string
	// Frequency is the time between two looks at the source, from 1s to 1h.
	Frequency time.Duration
	// SyncDelay is how long after its arrival an event is surely searchable.
	SyncDelay time.Duration
}

// Version returns the version of the assets.
func Version() string {
	return load[struct {
		Version string `yaml:"version"`
	}]("manifest.yml").Version
}

// TransformID returns the name of the transform of this version of the assets.
func TransformID() string { return TransformPrefix + Version() }

// Policy returns the body for PUT _ilm/policy.
func Policy() Body {
	body := load[Body]("ilm_policy.yml")
	addMeta(body["policy"].(Body))
	return body
}

// Pipeline returns the body for PUT _ingest/pipeline.
func Pipeline() Body { return addMeta(load[Body]("ingest_pipeline.yml")) }

// CustomTemplate returns the body for PUT _component_template. It carries no
// hash, because it is never compared.
func CustomTemplate() Body { return load[Body]("component_template.yml") }

// Template returns the body for PUT _index_template of the data stream. The
// _meta of its mapping has the hash of the template, so that an index tells
// which template it was made from.
func Template(server Server) Body {
	body := template("index_template", "mapping_source.json", server)
	if server.Serverless {
		useDataStreamLifecycle(body)
	}
	set(addMeta(body), "template.mappings._meta", body["_meta"])
	return body
}

// DestTemplate returns the body for PUT _index_template of the index of active
// indicators. The _meta of its mapping has the hash of the mapping alone, because
// only another mapping needs another index.
func DestTemplate(server Server) Body {
	body := addMeta(template("dest_index_template", "mapping_dest.json", server))
	set(body, "template.mappings._meta", destMapping()["_meta"])
	return body
}

// DestMappingHash returns the hash that an index of active indicators with the
// current mapping has in its mapping's _meta.
func DestMappingHash() string { return Hash(destMapping()) }

func destMapping() Body { return addMeta(load[Body]("mapping_dest.json")) }

// AliasProperties returns what the alias on the index of active indicators
// carries: its filter.
func AliasProperties() Body { return load[Body]("dest_alias.yml") }

// DestIndex returns the body for the creation of the first index of active
// indicators, with its alias. Its mapping comes from the template.
func DestIndex() Body { return Body{"aliases": Body{Alias: AliasProperties()}} }

// Transform returns the body for PUT _transform.
func Transform(server Server, opts TransformOptions) Body {
	body := load[Body]("transform.yml")
	addVersionSettings(body, "transform", server)
	set(body, "dest.index", opts.DestIndex)
	set(body, "frequency", duration(opts.Frequency))
	set(body, "sync.time.delay", duration(opts.SyncDelay))
	return addMeta(body)
}

// Hash returns the hash in the _meta of an asset, or of a mapping, as it was put
// or as a server returns it; "" if there is none.
func Hash(body Body) string { return metaString(body, "hash") }

// MetaVersion returns the assets' version in the _meta of body; "" if there is none.
func MetaVersion(body Body) string { return metaString(body, "version") }

// MetaManagedBy returns who the _meta of body says made it; "" if it does not.
func MetaManagedBy(body Body) string { return metaString(body, "managed_by") }

func metaString(body Body, key string) string {
	s, _ := get(body, "_meta."+key).(string)
	return s
}

// ContentHash returns the hash of body without its _meta.
func ContentHash(body Body) string {
	content := maps.Clone(body)
	delete(content, "_meta")
	// encoding/json sorts keys, so equal objects give equal bytes.
	data, err := json.Marshal(content)
	if err != nil {
		panic(fmt.Sprintf("hashing an asset: %s", err)) // it was read from JSON or YAML
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// addMeta gives body its _meta and returns it.
func addMeta(body Body) Body {
	body["_meta"] = Body{"managed_by": ManagedBy, "version": Version(), "hash": ContentHash(body)}
	return body
}

func template(name, mappingFile string, server Server) Body {
	body := load[Body](name + ".yml")
	set(body, "template.mappings", load[Body](mappingFile))
	addVersionSettings(body, name, server)
	return body
}

// useDataStreamLifecycle replaces the ILM policy by the same retention.
func useDataStreamLifecycle(body Body) {
	delete(get(body, "template.settings.index").(Body), "lifecycle")
	set(body, "template.lifecycle.data_retention", get(Policy(), "policy.phases.delete.min_age"))
}

// Older reports whether a version of a server lies before another. A snapshot counts as
// the version that it leads to. The LessThan of Libbeat compares the last of three numbers
// also where the first ones differ.
func Older(v version.V, than string) bool { return !version.MustNew(than).LessThanOrEqual(false, &v) }

// versionSetting is an entry of version_settings.yml.
type versionSetting struct {
	Since         string `yaml:"since"`
	Asset         string `yaml:"asset"`
	Path          string `yaml:"path"`
	Value         any    `yaml:"value"`
	NotServerless bool   `yaml:"not_serverless"`
	Reason        string `yaml:"reason"`
}

func addVersionSettings(body Body, asset string, server Server) {
	for _, s := range load[[]versionSetting]("version_settings.yml") {
		knows := !Older(server.Version, s.Since)
		if server.Serverless {
			knows = !s.NotServerless
		}
		if knows && s.Asset == asset {
			set(body, s.Path, s.Value)
		}
	}
}

// load reads an embedded file, YAML or JSON. Each is part of the binary and read by
// the tests, so that one that can't be read is no error to be handled.
func load[T any](name string) (content T) {
	data, err := files.ReadFile(name)
	switch {
	case err != nil:
	case strings.HasSuffix(name, ".json"):
		err = json.Unmarshal(data, &content)
	default:
		err = yaml.Unmarshal(data, &content)
	}
	if err != nil {
		panic(fmt.Sprintf("reading the embedded %s: %s", name, err))
	}
	return content
}

// set puts value at a dotted path, making the objects above it.
func set(body Body, path string, value any) {
	keys := strings.Split(path, ".")
	for _, key := range keys[:len(keys)-1] {
		next, ok := body[key].(Body)
		if !ok {
			next = Body{}
			body[key] = next
		}
		body = next
	}
	body[keys[len(keys)-1]] = value
}

// get returns the value at a dotted path, nil without one.
func get(body Body, path string) any {
	value, _ := mapstr.M(body).GetValue(path)
	return value
}

// duration writes d as Elasticsearch does: a number and a unit.
func duration(d time.Duration) string {
	switch {
	case d%time.Hour == 0 && d != 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0 && d >= 10*time.Minute:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d%time.Second == 0:
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return fmt.Sprintf("%dms", d/time.Millisecond)
}
