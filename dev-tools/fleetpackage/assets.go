// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package fleetpackage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/elastic/elastic-agent-libs/version"

	"github.com/threatqbeat/threatqbeat/dev-tools/generated"
	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

const (
	dataStream         = "data_stream/threat"
	dataStreamManifest = dataStream + "/manifest.yml"
	transform          = "elasticsearch/transform/latest_ioc"

	// oldestStack is the oldest version that the package supports (conditions in its manifest). The
	// same assets go to all versions, so none may say what that one does not know.
	oldestStack = "8.13.0"

	// A package can't set these by what the server is, so they are those that Serverless needs.
	transformFrequency = 30 * time.Second
	transformSyncDelay = 120 * time.Second
)

// ignoresMalformed are the field types of the mapping that take ignore_malformed.
var ignoresMalformed = []string{"date", "ip", "long"}

type body = assets.Body

// sharedFiles returns the files that are made from what `threatqbeat setup` installs.
func sharedFiles(root fs.FS) (map[string][]byte, error) {
	fields, err := readFields(root)
	if err != nil {
		return nil, err
	}
	server := assets.Server{Version: *version.MustNew(oldestStack)}
	serverless := assets.Server{Version: server.Version, Serverless: true}

	pipeline := assets.Pipeline()
	delete(pipeline, "_meta")
	policy := assets.Policy()
	delete(policy["policy"].(body), "_meta")
	destMapping := mapping(assets.DestTemplate(server))
	ignoreMalformed(destMapping)
	files := map[string][]byte{
		// The mapping ends the manifest of the data stream.
		dataStreamManifest: generated.YAML(body{
			"elasticsearch": body{"index_template": body{"mappings": mapping(assets.Template(server))}},
		}),
		dataStream + "/fields/fields.yml":                         generated.YAML(packageFields(fields, source)),
		dataStream + "/elasticsearch/ingest_pipeline/default.yml": append([]byte("---\n"), generated.YAML(pipeline)...),
		dataStream + "/elasticsearch/ilm/default_policy.json":     toJSON(policy),
		// The same retention for Serverless, which has no ILM. Where there is ILM, it comes first.
		dataStream + "/lifecycle.yml":    generated.YAML(assets.Template(serverless)["template"].(body)["lifecycle"]),
		transform + "/fields/fields.yml": generated.YAML(packageFields(fields, destination)),
		transform + "/transform.yml":     generated.YAML(transformBody(server)),
		transform + "/manifest.yml": generated.YAML(body{
			"start":                      true,
			"destination_index_template": body{"mappings": destMapping},
		}),
	}
	return files, addKibana(files)
}

func transformBody(server assets.Server) body {
	definition := assets.Transform(server, assets.TransformOptions{
		DestIndex: assets.DestIndexPrefix + "1",
		Frequency: transformFrequency,
		SyncDelay: transformSyncDelay,
	})
	definition["dest"].(body)["aliases"] = []body{{"alias": assets.Alias, "move_on_creation": true}}
	// Fleet replaces the transform when this version changes.
	definition["_meta"] = body{"managed": true, "fleet_transform_version": assets.Version()}
	return definition
}

func addKibana(files map[string][]byte) error {
	for _, o := range assets.KibanaObjects() {
		if o.Type == "tag" {
			// Fleet makes the tag of the space that it installs into, and refers to it.
			files["kibana/tags.yml"] = generated.YAML([]body{{"text": o.Title, "asset_types": []string{"dashboard"}}})
			continue
		}
		var object map[string]any
		decoder := json.NewDecoder(bytes.NewReader(o.JSON))
		decoder.UseNumber()
		if err := decoder.Decode(&object); err != nil {
			return fmt.Errorf("making the Kibana object %s: %w", o.ID, err)
		}
		references, _ := object["references"].([]any)
		object["references"] = slices.DeleteFunc(references, func(r any) bool { return r.(body)["type"] == "tag" })
		files["kibana/"+strings.ReplaceAll(o.Type, "-", "_")+"/"+o.ID+".json"] = toJSON(object)
	}
	return nil
}

// mapping returns the mapping of an index template without its _meta, which says who
// manages the asset: that is Fleet here.
func mapping(template body) body {
	mappings := template["template"].(body)["mappings"].(body)
	delete(mappings, "_meta")
	return mappings
}

// ignoreMalformed sets ignore_malformed on each field below a mapping that takes it. `threatqbeat
// setup` sets it for the whole index, which a package can't do for a transform's destination. Fleet
// does it for data streams.
func ignoreMalformed(mapping body) {
	properties, _ := mapping["properties"].(body)
	for _, p := range properties {
		property := p.(body)
		if typ, _ := property["type"].(string); slices.Contains(ignoresMalformed, typ) {
			property["ignore_malformed"] = true
		}
		ignoreMalformed(property)
	}
}

// toJSON writes what was read from JSON or YAML, so that it can't fail.
func toJSON(v any) []byte {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err)
	}
	return append(b, '\n')
}
