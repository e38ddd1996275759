// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package fleetpackage_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/threatqbeat/threatqbeat/config"
)

// component is what Elastic Agent reads of a component specification.
type component struct {
	Version int `yaml:"version"`
	Inputs  []struct {
		Name        string   `yaml:"name"`
		Description string   `yaml:"description"`
		Platforms   []string `yaml:"platforms"`
		Outputs     []string `yaml:"outputs"`
		Command     struct {
			Args     []string `yaml:"args"`
			Timeouts struct {
				Checkin time.Duration `yaml:"checkin"`
				Restart time.Duration `yaml:"restart"`
				Stop    time.Duration `yaml:"stop"`
			} `yaml:"timeouts"`
			RestartMonitoringPeriod  time.Duration `yaml:"restart_monitoring_period"`
			MaximumRestartsPerPeriod int           `yaml:"maximum_restarts_per_period"`
		} `yaml:"command"`
	} `yaml:"inputs"`
}

// knownPlatforms are those of Elastic Agent 8.13. It refuses a file that names another.
var knownPlatforms = []string{
	"container/amd64", "container/arm64", "darwin/amd64", "darwin/arm64", "linux/amd64", "linux/arm64", "windows/amd64",
}

func TestComponentSpecification(t *testing.T) {
	content, err := os.ReadFile("../../threatqbeat.spec.yml")
	require.NoError(t, err)
	var spec component
	decoder := yaml.NewDecoder(strings.NewReader(string(content)))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&spec))

	assert.Equal(t, 2, spec.Version)
	require.Len(t, spec.Inputs, 1)
	input := spec.Inputs[0]
	assert.Equal(t, config.InputType, input.Name)
	assert.NotEmpty(t, input.Description)
	assert.ElementsMatch(t, knownPlatforms, input.Platforms)
	assert.ElementsMatch(t, []string{"elasticsearch", "kafka", "logstash", "redis"}, input.Outputs)
	assert.Positive(t, input.Command.Timeouts.Checkin)
	assert.Positive(t, input.Command.Timeouts.Restart)
	assert.Positive(t, input.Command.Timeouts.Stop)
	assert.Positive(t, input.Command.RestartMonitoringPeriod)
	assert.Positive(t, input.Command.MaximumRestartsPerPeriod)

	var values []string
	for pair := range slices.Chunk(input.Command.Args, 2) {
		require.Len(t, pair, 2)
		require.Equal(t, "-E", pair[0], "Libbeat reads no file under Agent")
		values = append(values, pair[1])
	}
	assert.Subset(t, values, []string{
		"management.enabled=true", "management.restart_on_output_change=true",
		"setup.ilm.enabled=false", "setup.template.enabled=false",
		"setup.pipelines.enabled=false", "setup.transforms.enabled=false", "setup.dashboards.enabled=false",
		"logging.to_stderr=true",
	})
	settings := map[string]string{}
	for _, value := range values {
		name, value, _ := strings.Cut(value, "=")
		settings[name] = value
	}
	wait, err := time.ParseDuration(settings["threatqbeat.shutdown_timeout"])
	require.NoError(t, err)
	assert.Greater(t, input.Command.Timeouts.Stop, wait+10*time.Second, "time to acknowledge, and to end")
}

// documentedStream returns the stream of the standalone policy in the documentation, with what Agent
// puts in the place of its variables.
func documentedStream(t *testing.T) map[string]any {
	t.Helper()
	page, err := os.ReadFile("../../docs/elastic-agent.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(page), "```yaml other\n# elastic-agent.yml\n")
	require.True(t, found, "the page has no elastic-agent.yml")
	text, _, found := strings.Cut(rest, "\n```")
	require.True(t, found)
	for name, value := range map[string]string{
		"${env.THREATQ_URL}":                "https://threatq.example.com",
		"${env.THREATQ_DATA_COLLECTION_ID}": "0123456789abcdef",
		"${env.THREATQ_CLIENT_ID}":          "client",
		"${env.THREATQ_CLIENT_SECRET}":      "secret",
		// Agent 8.13 refuses a policy that has ${env.NAME} under outputs.
		"${ELASTICSEARCH_HOSTS}":   "https://elasticsearch.example.com:9200",
		"${ELASTICSEARCH_API_KEY}": "id:key",
	} {
		require.Contains(t, text, name)
		text = strings.ReplaceAll(text, name, value)
	}
	assert.NotContains(t, text, "${")
	var policy struct {
		Outputs map[string]struct {
			Type string `yaml:"type"`
		} `yaml:"outputs"`
		Inputs []struct {
			ID        string           `yaml:"id"`
			Type      string           `yaml:"type"`
			UseOutput string           `yaml:"use_output"`
			Streams   []map[string]any `yaml:"streams"`
		} `yaml:"inputs"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(text), &policy))
	require.Len(t, policy.Inputs, 1)
	input := policy.Inputs[0]
	assert.Equal(t, config.InputType, input.Type)
	assert.NotEmpty(t, input.ID)
	assert.Contains(t, policy.Outputs, input.UseOutput)
	require.Len(t, input.Streams, 1)
	stream := input.Streams[0]
	assert.NotEmpty(t, stream["id"])
	assert.Equal(t, map[string]any{"type": "logs", "dataset": "ti_threatq.threat"}, stream["data_stream"])
	return stream
}
