// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/elastic/elastic-agent-client/v7/pkg/client"

	"github.com/threatqbeat/threatqbeat/config"
)

// renderedConfigHook is the name under which Libbeat's manager shows Elastic Agent
// the whole configuration, with all secrets.
const renderedConfigHook = "beat-rendered-config"

// redactingClient is the client of Elastic Agent, which shows no secrets in what
// the action diagnostics collects. Elastic Agent leaves out what is called a
// password, a key or a token, and not a client's secret (elastic/elastic-agent#241,
// elastic/elastic-agent#1907).
type redactingClient struct{ client.V2 }

// RegisterDiagnosticHook adds a file to the diagnostics.
func (c redactingClient) RegisterDiagnosticHook(name, description, filename, contentType string, hook client.DiagnosticHook) {
	if name == renderedConfigHook {
		rendered := hook
		hook = func() []byte { return redactConfig(rendered()) }
	}
	c.V2.RegisterDiagnosticHook(name, description, filename, contentType, hook)
}

// redactConfig shows of a configuration in YAML the names of all settings and the
// values of those that are said to be harmless.
func redactConfig(text []byte) []byte {
	var rendered map[string]any
	if err := yaml.Unmarshal(text, &rendered); err != nil {
		// The error may hold a piece of the text.
		return []byte("# The configuration is not shown: it can't be read.\n")
	}
	shown, err := yaml.Marshal(config.ShowRendered(rendered))
	if err != nil {
		return []byte(fmt.Sprintf("# The configuration is not shown: %s\n", err))
	}
	return shown
}
