// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/elastic/elastic-agent-libs/version"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// Export names an asset that can be printed.
type Export struct {
	// Name is what the export command calls the asset.
	Name string
	// Short describes it in a few words.
	Short string
	// Request is the line that installs it by hand in Kibana's console, before
	// the body; "" for what Kibana imports.
	Request string
}

// ExportOptions says what the asset is for.
type ExportOptions struct {
	// Version is Elasticsearch's, such as 8.17.0. "" is the newest.
	Version string
	// Serverless prints what a Serverless project gets.
	Serverless bool
	// Config has frequency and delay of the transform.
	Config config.Setup
}

// newest stands for a version that knows everything.
const newest = "999.0.0"

// Exports returns all assets that can be printed, in the order of installation.
func Exports() []Export {
	id := assets.TransformID()
	return []Export{
		{"pipeline", "Ingest pipeline of the data stream", "PUT _ingest/pipeline/" + assets.PipelineName},
		{"ilm-policy", "ILM policy of the data stream", "PUT _ilm/policy/" + assets.PolicyName},
		{"component-template", "Component template for your own settings and mappings, empty",
			"PUT _component_template/" + assets.CustomTemplateName + "?create=true"},
		{"template", "Index template of the data stream", "PUT _index_template/" + assets.TemplateName},
		{"dest-template", "Index template of the index of active indicators", "PUT _index_template/" + assets.DestTemplateName},
		{"index", "First index of active indicators, with its alias", "PUT " + indexName(1)},
		{"transform", "Transform that keeps the active indicators; start it with POST _transform/" + id + "/_start", "PUT _transform/" + id},
		{"dashboard", "Data view and dashboards, a file for Kibana's import (Stack Management, Saved Objects)", ""},
	}
}

// Text returns the asset as a text that ends with a line feed: JSON, or for the
// dashboards a JSON object a line.
func (e Export) Text(opts ExportOptions) ([]byte, error) {
	parsed, err := version.New(cmp.Or(opts.Version, newest))
	if err != nil {
		return nil, fmt.Errorf("the version %q of Elasticsearch is none: it must be like 8.17.0", opts.Version)
	}
	server := assets.Server{Version: *parsed, Serverless: opts.Serverless}
	if !server.Serverless && assets.Older(server.Version, minVersion) {
		return nil, fmt.Errorf("the assets need Elasticsearch %s or later, not %s", minVersion, opts.Version)
	}
	var body assets.Body
	switch e.Name {
	case "pipeline":
		body = assets.Pipeline()
	case "ilm-policy":
		if server.Serverless {
			return nil, fmt.Errorf("exporting %s: a Serverless project has no ILM: its index template names the retention", e.Name)
		}
		body = assets.Policy()
	case "component-template":
		body = assets.CustomTemplate()
	case "template":
		body = assets.Template(server)
	case "dest-template":
		body = assets.DestTemplate(server)
	case "index":
		body = assets.DestIndex()
	case "transform":
		body = transformBody(server, opts.Config.Transforms, indexName(1))
	case "dashboard":
		return assets.KibanaNDJSON(), nil
	}
	text, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("exporting %s: %w", e.Name, err)
	}
	return append(text, '\n'), nil
}
