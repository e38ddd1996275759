// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/elastic/elastic-agent-libs/version"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// Export names an asset that can be printed.
type Export struct {
	// Kind is what the export command calls the asset.
	Kind string
	// Short describes it in a few words.
	Short string
	// Request is the line that installs it by hand in Kibana's console, before
	// the body; "" for what Kibana imports.
	Request string

	body func(assets.Server, config.Setup) (assets.Body, error)
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
		{
			Kind: "pipeline", Short: "Ingest pipeline of the data stream",
			Request: "PUT _ingest/pipeline/" + assets.PipelineName,
			body:    func(assets.Server, config.Setup) (assets.Body, error) { return assets.Pipeline(), nil },
		}, {
			Kind: "ilm-policy", Short: "ILM policy of the data stream",
			Request: "PUT _ilm/policy/" + assets.PolicyName,
			body: func(server assets.Server, _ config.Setup) (assets.Body, error) {
				if server.Serverless {
					return nil, fmt.Errorf("a Serverless project has no ILM: its index template names the retention")
				}
				return assets.Policy(), nil
			},
		}, {
			Kind: "component-template", Short: "Component template for your own settings and mappings, empty",
			Request: "PUT _component_template/" + assets.CustomTemplateName + "?create=true",
			body:    func(assets.Server, config.Setup) (assets.Body, error) { return assets.CustomTemplate(), nil },
		}, {
			Kind: "template", Short: "Index template of the data stream",
			Request: "PUT _index_template/" + assets.TemplateName,
			body:    func(s assets.Server, _ config.Setup) (assets.Body, error) { return assets.Template(s), nil },
		}, {
			Kind: "dest-template", Short: "Index template of the index of active indicators",
			Request: "PUT _index_template/" + assets.DestTemplateName,
			body:    func(s assets.Server, _ config.Setup) (assets.Body, error) { return assets.DestTemplate(s), nil },
		}, {
			Kind: "index", Short: "First index of active indicators, with its alias",
			Request: "PUT " + indexName(1),
			body:    func(assets.Server, config.Setup) (assets.Body, error) { return assets.DestIndex(), nil },
		}, {
			Kind: "transform", Short: "Transform that keeps the active indicators; start it with POST _transform/" + id + "/_start",
			Request: "PUT _transform/" + id,
			body: func(s assets.Server, cfg config.Setup) (assets.Body, error) {
				frequency, delay := timing(cfg.Transforms, s.Serverless)
				return assets.Transform(s, assets.TransformOptions{
					DestIndex: indexName(1), Frequency: frequency, SyncDelay: delay,
				}), nil
			},
		}, {
			Kind: "dashboard", Short: "Data view and dashboards, a file for Kibana's import (Stack Management, Saved Objects)",
			body: nil,
		},
	}
}

// ExportAsset returns the asset of that kind as a text that ends with a line
// feed: JSON, or for the dashboards a JSON object a line.
func ExportAsset(kind string, opts ExportOptions) ([]byte, error) {
	server := assets.Server{Serverless: opts.Serverless}
	v := opts.Version
	if v == "" {
		v = newest
	}
	parsed, err := version.New(v)
	if err != nil {
		return nil, fmt.Errorf("the version %q of Elasticsearch is none: it must be like 8.17.0", opts.Version)
	}
	server.Version = *parsed
	if !server.Serverless && server.Version.LessThan(version.MustNew(minVersion)) {
		return nil, fmt.Errorf("the assets need Elasticsearch %s or later, not %s", minVersion, opts.Version)
	}
	var kinds []string
	for _, e := range Exports() {
		kinds = append(kinds, e.Kind)
		if e.Kind != kind {
			continue
		}
		if e.body == nil {
			return assets.KibanaNDJSON(), nil
		}
		body, err := e.body(server, opts.Config)
		if err != nil {
			return nil, fmt.Errorf("exporting %s: %w", kind, err)
		}
		text, err := json.MarshalIndent(body, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("exporting %s: %w", kind, err)
		}
		return append(text, '\n'), nil
	}
	return nil, fmt.Errorf("there is no asset %q to export: it must be one of %s", kind, strings.Join(kinds, ", "))
}
