// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package fleetpackage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/elastic/elastic-agent-libs/version"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

const (
	dataStream         = "data_stream/threat"
	dataStreamManifest = dataStream + "/manifest.yml"
	transform          = "elasticsearch/transform/latest_ioc"

	// oldestStack is the oldest version that the package supports (conditions in its manifest). The
	// same assets go to all versions, so none may say what that one does not know.
	oldestStack = "8.13.0"

	// A package can't set these by the server's kind, so they are those that Serverless needs.
	transformFrequency = 30 * time.Second
	transformSyncDelay = 120 * time.Second
)

// ignoresMalformed are the field types of the mapping that take ignore_malformed.
var ignoresMalformed = map[string]bool{"date": true, "ip": true, "long": true}

type body = assets.Body

// sharedFiles returns the files that are made from what `threatqbeat setup` installs.
func sharedFiles(root fs.FS) (map[string][]byte, error) {
	v, err := version.New(oldestStack)
	if err != nil {
		return nil, err
	}
	server := assets.Server{Version: *v}
	files := map[string][]byte{}
	for _, add := range []func(map[string][]byte, fs.FS, assets.Server) error{
		addFields, addDataStream, addLifecycle, addTransform, addKibana,
	} {
		if err := add(files, root, server); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func addFields(files map[string][]byte, root fs.FS, _ assets.Server) error {
	fields, err := readFields(root)
	if err != nil {
		return err
	}
	for folder, of := range map[string]index{dataStream: source, transform: destination} {
		converted, err := packageFields(fields, of)
		if err != nil {
			return fmt.Errorf("making the fields of %s: %w", folder, err)
		}
		if files[folder+"/fields/fields.yml"], err = toYAML(converted); err != nil {
			return err
		}
	}
	return nil
}

// addDataStream adds the mapping, which ends the data stream's manifest, and the pipeline.
func addDataStream(files map[string][]byte, _ fs.FS, server assets.Server) error {
	mapping, err := mapping(assets.Template(server))
	if err != nil {
		return fmt.Errorf("making the data stream's mapping: %w", err)
	}
	if files[dataStreamManifest], err = toYAML(body{
		"elasticsearch": body{"index_template": body{"mappings": mapping}},
	}); err != nil {
		return err
	}
	pipeline, err := assets.Pipeline()
	if err != nil {
		return fmt.Errorf("making the ingest pipeline: %w", err)
	}
	delete(pipeline, "_meta")
	content, err := toYAML(pipeline)
	files[dataStream+"/elasticsearch/ingest_pipeline/default.yml"] = append([]byte("---\n"), content...)
	return err
}

// addLifecycle adds the ILM policy, and the same retention for Serverless, which has no ILM. Where
// there is ILM, it comes first.
func addLifecycle(files map[string][]byte, _ fs.FS, server assets.Server) error {
	policy, err := assets.Policy()
	if err != nil {
		return fmt.Errorf("making the ILM policy: %w", err)
	}
	content, ok := policy["policy"].(body)
	if !ok {
		return errors.New("making the ILM policy: it has no object policy")
	}
	delete(content, "_meta")
	if files[dataStream+"/elasticsearch/ilm/default_policy.json"], err = toJSON(policy); err != nil {
		return err
	}
	server.Serverless = true
	template, err := assets.Template(server)
	if err != nil {
		return fmt.Errorf("making the retention for Serverless: %w", err)
	}
	inner, _ := template["template"].(body)
	lifecycle, ok := inner["lifecycle"].(body)
	if !ok {
		return errors.New("making the retention for Serverless: the index template has no template.lifecycle")
	}
	files[dataStream+"/lifecycle.yml"], err = toYAML(lifecycle)
	return err
}

func addTransform(files map[string][]byte, _ fs.FS, server assets.Server) error {
	assetsVersion, err := assets.Version()
	if err != nil {
		return fmt.Errorf("making the transform: %w", err)
	}
	definition, err := assets.Transform(server, assets.TransformOptions{
		DestIndex: assets.DestIndexPrefix + "1",
		Frequency: transformFrequency,
		SyncDelay: transformSyncDelay,
	})
	if err != nil {
		return fmt.Errorf("making the transform: %w", err)
	}
	dest, ok := definition["dest"].(body)
	if !ok {
		return errors.New("making the transform: it has no object dest")
	}
	dest["aliases"] = []body{{"alias": assets.Alias, "move_on_creation": true}}
	// Fleet replaces the transform when this version changes.
	definition["_meta"] = body{"managed": true, "fleet_transform_version": assetsVersion}
	if files[transform+"/transform.yml"], err = toYAML(definition); err != nil {
		return err
	}

	mapping, err := mapping(assets.DestTemplate(server))
	if err != nil {
		return fmt.Errorf("making the destination's mapping: %w", err)
	}
	ignoreMalformed(mapping)
	files[transform+"/manifest.yml"], err = toYAML(body{
		"start":                      true,
		"destination_index_template": body{"mappings": mapping},
	})
	return err
}

func addKibana(files map[string][]byte, _ fs.FS, _ assets.Server) error {
	objects, err := assets.KibanaObjects()
	if err != nil {
		return fmt.Errorf("making the Kibana objects: %w", err)
	}
	for _, o := range objects {
		folder := o.Type
		switch o.Type {
		case "index-pattern":
			folder = "index_pattern"
		case "tag":
			// Fleet makes the tag of the space that it installs into, and refers to it.
			files["kibana/tags.yml"], err = toYAML([]body{{"text": o.Title, "asset_types": []string{"dashboard"}}})
			if err != nil {
				return err
			}
			continue
		}
		if o.JSON, err = withoutTags(o.JSON); err != nil {
			return fmt.Errorf("making the Kibana object %s: %w", o.ID, err)
		}
		var b bytes.Buffer
		if err := json.Indent(&b, o.JSON, "", "  "); err != nil {
			return fmt.Errorf("making the Kibana object %s: %w", o.ID, err)
		}
		b.WriteByte('\n')
		files["kibana/"+folder+"/"+o.ID+".json"] = b.Bytes()
	}
	return nil
}

// withoutTags takes the references to tags out of a Kibana object.
func withoutTags(object json.RawMessage) (json.RawMessage, error) {
	var o map[string]json.RawMessage
	var references []struct {
		ID   string `json:"id"`
		Name string `json:"name"`
		Type string `json:"type"`
	}
	if err := json.Unmarshal(object, &o); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(o["references"], &references); err != nil {
		return nil, err
	}
	kept := references[:0]
	for _, r := range references {
		if r.Type != "tag" {
			kept = append(kept, r)
		}
	}
	var err error
	if o["references"], err = json.Marshal(kept); err != nil {
		return nil, err
	}
	return json.Marshal(o)
}

// mapping returns the mapping of an index template.
func mapping(template body, err error) (body, error) {
	if err != nil {
		return nil, err
	}
	inner, _ := template["template"].(body)
	mappings, ok := inner["mappings"].(body)
	if !ok {
		return nil, errors.New("the index template has no template.mappings")
	}
	// It says who manages the asset, which is Fleet here.
	delete(mappings, "_meta")
	return mappings, nil
}

// ignoreMalformed sets ignore_malformed on each field below a mapping that takes it. `threatqbeat
// setup` sets it for the whole index, which a package can't do for a transform's destination. Fleet
// does it for data streams.
func ignoreMalformed(mapping body) {
	properties, _ := mapping["properties"].(body)
	for _, p := range properties {
		property, ok := p.(body)
		if !ok {
			continue
		}
		if kind, _ := property["type"].(string); ignoresMalformed[kind] {
			property["ignore_malformed"] = true
		}
		ignoreMalformed(property)
	}
}

func toYAML(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("writing YAML: %w", err)
	}
	return b.Bytes(), enc.Close()
}

func toJSON(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing JSON: %w", err)
	}
	return append(b, '\n'), nil
}
