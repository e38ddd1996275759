// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/elastic/beats/v7/libbeat/common/reload"
	lbmanagement "github.com/elastic/beats/v7/libbeat/management"
	"github.com/elastic/beats/v7/libbeat/version"
	"github.com/elastic/beats/v7/x-pack/libbeat/management"
	"github.com/elastic/elastic-agent-client/v7/pkg/client"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/config/secrets"
)

// clientName is what Elastic Agent knows each Beat by.
const clientName = "beat-v2-client"

// newManager connects Libbeat's manager with Elastic Agent, as the factory
// does that comes with it, but for two things: what is received and sent is corrected
// (see checkins), and no secrets get into the diagnostics (see redactingClient).
// Libbeat's own factory takes neither a client nor dial options (to be reported to
// elastic/beats: NewV2AgentManager of managerV2.go). Libbeat calls it with
// management.enabled only.
func (a *Agent) newManager(section *conf.C, registry *reload.Registry, log *logp.Logger) (lbmanagement.Manager, error) {
	settings := management.DefaultConfig()
	// Libbeat can't replace an output that runs (elastic/elastic-agent#1913).
	settings.RestartOnOutputChange = true
	if err := section.Unpack(settings); err != nil {
		return nil, fmt.Errorf("reading the settings under management: %w", err)
	}
	if err := secrets.GuardLog(log, nil); err != nil {
		return nil, err
	}
	agent, err := a.connect(settings)
	if err != nil {
		return nil, err
	}
	lbmanagement.SetUnderAgent(true)
	return management.NewV2AgentManagerWithClient(settings, registry, redactingClient{agent}, log)
}

func (a *Agent) connect(settings *management.Config) (client.V2, error) {
	info := client.VersionInfo{
		Name:      clientName,
		BuildHash: version.Commit(),
		Meta: map[string]string{
			"commit":              version.Commit(),
			"build_time":          version.BuildTime().String(),
			"threatqbeat_version": config.Version,
		},
	}
	between := client.WithGRPCDialOptions(grpc.WithStreamInterceptor(a.checkins.intercept))
	if address := settings.InsecureGRPCURLForTesting; address != "" {
		return client.NewV2(address, "", info, between,
			client.WithGRPCDialOptions(grpc.WithTransportCredentials(insecure.NewCredentials()))), nil
	}
	agent, _, err := client.NewV2FromReader(os.Stdin, info, between)
	if err != nil {
		return nil, fmt.Errorf("reading from standard input how to connect to Elastic Agent: %w: only Elastic Agent sets management.enabled, leave it out to run %s by yourself", err, config.Name)
	}
	return agent, nil
}

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
