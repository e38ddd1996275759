// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

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
func Version() (string, error) {
	var manifest struct {
		Version string `yaml:"version"`
	}
	if err := load("manifest.yml", &manifest); err != nil {
		return "", err
	}
	return manifest.Version, nil
}

// TransformID returns the name of the transform of this version of the assets.
func TransformID() (string, error) {
	v, err := Version()
	return TransformPrefix + v, err
}

// Policy returns the body for PUT _ilm/policy.
func Policy() (Body, error) {
	var body Body
	if err := load("ilm_policy.yml", &body); err != nil {
		return nil, err
	}
	policy, ok := body["policy"].(Body)
	if !ok {
		return nil, fmt.Errorf("ilm_policy.yml has no object policy")
	}
	meta, err := meta(policy)
	if err != nil {
		return nil, err
	}
	policy["_meta"] = meta
	return body, nil
}

// Pipeline returns the body for PUT _ingest/pipeline.
func Pipeline() (Body, error) {
	var body Body
	if err := load("ingest_pipeline.yml", &body); err != nil {
		return nil, err
	}
	return withMeta(body)
}

// CustomTemplate returns the body for PUT _component_template. It carries no
// hash, because it is never compared.
func CustomTemplate() (Body, error) {
	var body Body
	err := load("component_template.yml", &body)
	return body, err
}

// Template returns the body for PUT _index_template of the data stream. The
// _meta of its mapping has the hash of the template, so that an index tells
// which template it was made from.
func Template(server Server) (Body, error) {
	body, err := template("index_template", "mapping_source.json", server)
	if err != nil {
		return nil, err
	}
	if server.Serverless {
		if err := useDataStreamLifecycle(body); err != nil {
			return nil, err
		}
	}
	if body, err = withMeta(body); err != nil {
		return nil, err
	}
	set(body, "template.mappings._meta", body["_meta"])
	return body, nil
}

// DestTemplate returns the body for PUT _index_template of the index of active
// indicators. The _meta of its mapping has the hash of the mapping alone, for
// only another mapping needs another index.
func DestTemplate(server Server) (Body, error) {
	body, err := template("dest_index_template", "mapping_dest.json", server)
	if err != nil {
		return nil, err
	}
	mapping, err := destMapping()
	if err != nil {
		return nil, err
	}
	if body, err = withMeta(body); err != nil {
		return nil, err
	}
	set(body, "template.mappings._meta", mapping["_meta"])
	return body, nil
}

// DestMappingHash returns the hash that an index of active indicators with the
// current mapping has in its mapping's _meta.
func DestMappingHash() (string, error) {
	mapping, err := destMapping()
	if err != nil {
		return "", err
	}
	return Hash(mapping), nil
}

func destMapping() (Body, error) {
	var mapping Body
	if err := load("mapping_dest.json", &mapping); err != nil {
		return nil, err
	}
	return withMeta(mapping)
}

// AliasProperties returns what the alias on the index of active indicators
// carries: its filter.
func AliasProperties() (Body, error) {
	var body Body
	err := load("dest_alias.yml", &body)
	return body, err
}

// DestIndex returns the body for the creation of the first index of active
// indicators, with its alias. Its mapping comes from the template.
func DestIndex() (Body, error) {
	alias, err := AliasProperties()
	if err != nil {
		return nil, err
	}
	return Body{"aliases": Body{Alias: alias}}, nil
}

// Transform returns the body for PUT _transform.
func Transform(server Server, opts TransformOptions) (Body, error) {
	var body Body
	if err := load("transform.yml", &body); err != nil {
		return nil, err
	}
	if err := addVersionSettings(body, "transform", server); err != nil {
		return nil, err
	}
	set(body, "dest.index", opts.DestIndex)
	set(body, "frequency", duration(opts.Frequency))
	set(body, "sync.time.delay", duration(opts.SyncDelay))
	return withMeta(body)
}

// Hash returns the hash in the _meta of an asset, or of a mapping, as it was put
// or as a server returns it; "" if there is none.
func Hash(body Body) string { return metaString(body, "hash") }

// MetaVersion returns the assets' version in the _meta of body; "" if there is none.
func MetaVersion(body Body) string { return metaString(body, "version") }

// MetaManagedBy returns who the _meta of body says made it; "" if it does not.
func MetaManagedBy(body Body) string { return metaString(body, "managed_by") }

func metaString(body Body, key string) string {
	meta, _ := body["_meta"].(Body)
	s, _ := meta[key].(string)
	return s
}

// ContentHash returns the hash of body without its _meta.
func ContentHash(body Body) (string, error) {
	content := make(Body, len(body))
	for k, v := range body {
		if k != "_meta" {
			content[k] = v
		}
	}
	// encoding/json sorts keys, so equal objects give equal bytes.
	data, err := json.Marshal(content)
	if err != nil {
		return "", fmt.Errorf("hashing an asset: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8]), nil
}

func meta(body Body) (Body, error) {
	v, err := Version()
	if err != nil {
		return nil, err
	}
	hash, err := ContentHash(body)
	if err != nil {
		return nil, err
	}
	return Body{"managed_by": ManagedBy, "version": v, "hash": hash}, nil
}

func withMeta(body Body) (Body, error) {
	m, err := meta(body)
	if err != nil {
		return nil, err
	}
	body["_meta"] = m
	return body, nil
}

func template(name, mappingFile string, server Server) (Body, error) {
	var body, mapping Body
	if err := load(name+".yml", &body); err != nil {
		return nil, err
	}
	if err := load(mappingFile, &mapping); err != nil {
		return nil, err
	}
	set(body, "template.mappings", mapping)
	return body, addVersionSettings(body, name, server)
}

// useDataStreamLifecycle replaces the ILM policy by the same retention.
func useDataStreamLifecycle(body Body) error {
	policy, err := Policy()
	if err != nil {
		return err
	}
	retention, ok := get(policy, "policy.phases.delete.min_age").(string)
	if !ok {
		return fmt.Errorf("ilm_policy.yml has no policy.phases.delete.min_age")
	}
	if index, ok := get(body, "template.settings.index").(Body); ok {
		delete(index, "lifecycle")
	}
	set(body, "template.lifecycle.data_retention", retention)
	return nil
}

// versionSetting is an entry of version_settings.yml.
type versionSetting struct {
	Since         string `yaml:"since"`
	Asset         string `yaml:"asset"`
	Path          string `yaml:"path"`
	Value         any    `yaml:"value"`
	NotServerless bool   `yaml:"not_serverless"`
	Reason        string `yaml:"reason"`
}

func addVersionSettings(body Body, asset string, server Server) error {
	var settings []versionSetting
	if err := load("version_settings.yml", &settings); err != nil {
		return err
	}
	for _, s := range settings {
		if s.Asset != asset {
			continue
		}
		since, err := version.New(s.Since)
		if err != nil {
			return fmt.Errorf("version_settings.yml: since %q: %w", s.Since, err)
		}
		knows := !server.Version.LessThan(since)
		if server.Serverless {
			knows = !s.NotServerless
		}
		if knows {
			set(body, s.Path, s.Value)
		}
	}
	return nil
}

// load reads an embedded file, YAML or JSON.
func load(name string, into any) error {
	data, err := files.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading the embedded %s: %w", name, err)
	}
	unmarshal := yaml.Unmarshal
	if strings.HasSuffix(name, ".json") {
		unmarshal = func(data []byte, into any) error { return json.Unmarshal(data, into) }
	}
	if err := unmarshal(data, into); err != nil {
		return fmt.Errorf("reading the embedded %s: %w", name, err)
	}
	return nil
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
	var value any = body
	for _, key := range strings.Split(path, ".") {
		object, ok := value.(Body)
		if !ok {
			return nil
		}
		value = object[key]
	}
	return value
}

// duration writes d as Elasticsearch does: a number and a unit.
func duration(d time.Duration) string {
	switch {
	case d%time.Hour == 0 && d != 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0 && d != 0 && d >= 10*time.Minute:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d%time.Second == 0:
		return fmt.Sprintf("%ds", d/time.Second)
	default:
		return fmt.Sprintf("%dms", d/time.Millisecond)
	}
}
