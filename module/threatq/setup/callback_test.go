// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/outputs"
	esoutput "github.com/elastic/beats/v7/libbeat/outputs/elasticsearch"
	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/monitoring"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// connectOutput lets Libbeat's Elasticsearch output connect, as when a beat runs.
func connectOutput(t *testing.T, f *fakeElasticsearch, settings map[string]any) error {
	t.Helper()
	url, stop := f.start()
	defer stop()
	root := config.MustNewConfigFrom(settings)
	install, err := connectCallback(root, logp.NewNopLogger())
	require.NoError(t, err)
	id, err := esoutput.RegisterConnectCallback(install)
	require.NoError(t, err)
	defer esoutput.DeregisterConnectCallback(id)

	info := beat.Info{Beat: "threatqbeat", Version: "0.1.0", Logger: logp.NewNopLogger()}
	manager, err := MakeIndexManager(info.Logger, info)
	require.NoError(t, err)
	group, err := outputs.Load(manager, info, outputs.NewStats(monitoring.NewRegistry(), info.Logger), "elasticsearch",
		config.MustNewConfigFrom(map[string]any{"hosts": []string{url}}))
	require.NoError(t, err)
	require.Len(t, group.Clients, 1)
	client, ok := group.Clients[0].(outputs.NetworkClient)
	require.True(t, ok)
	defer client.Close()
	return client.Connect(t.Context())
}

func TestOutputInstallsOnConnecting(t *testing.T) {
	f := newFake(t)
	require.NoError(t, connectOutput(t, f, nil))
	assert.Equal(t, []string{
		"PUT /_ingest/pipeline/logs-ti_threatq.threat",
		"PUT /_ilm/policy/logs-ti_threatq.threat-default_policy",
		"PUT /_component_template/logs-ti_threatq.threat@custom?create=true",
		"PUT /_index_template/logs-ti_threatq.threat",
	}, f.changes())

	f.forget()
	require.NoError(t, connectOutput(t, f, nil))
	assert.Empty(t, f.changes())
}

func TestOutputUpdatesOnlyWhatIsOlder(t *testing.T) {
	f := newFake(t)
	installPrevious(t, f)
	require.NoError(t, connectOutput(t, f, nil))
	assert.Equal(t, []string{
		"PUT /_ingest/pipeline/logs-ti_threatq.threat",
		"PUT /_ilm/policy/logs-ti_threatq.threat-default_policy",
		"PUT /_index_template/logs-ti_threatq.threat",
	}, f.changes())

	// Of the same version, but for a server that could do less: setup's to change.
	f.forget()
	f.indexTemplates[assets.TemplateName]["_meta"].(object_)["hash"] = "other"
	require.NoError(t, connectOutput(t, f, nil))
	assert.Empty(t, f.changes())
}

func TestOutputLeavesWhatIsSwitchedOff(t *testing.T) {
	f := newFake(t)
	require.NoError(t, connectOutput(t, f, map[string]any{
		"setup.template.enabled": false, "setup.ilm.enabled": false, "setup.pipelines.enabled": false,
	}))
	assert.Empty(t, f.sent())

	require.NoError(t, connectOutput(t, f, map[string]any{"setup.template.enabled": false, "setup.ilm.enabled": false}))
	assert.Equal(t, []string{"PUT /_ingest/pipeline/logs-ti_threatq.threat"}, f.changes())
}

func TestOutputLeavesFleetsAssets(t *testing.T) {
	f := newFake(t)
	fleet := object_{"_meta": object_{"managed_by": "fleet"}}
	f.indexTemplates[assets.TemplateName] = fleet
	f.pipelines[assets.PipelineName] = fleet
	require.NoError(t, connectOutput(t, f, nil))
	assert.Equal(t, fleet, f.indexTemplates[assets.TemplateName])
	assert.Equal(t, fleet, f.pipelines[assets.PipelineName])
}

func TestOutputStaysUnconnectedWithoutPrivilege(t *testing.T) {
	f := newFake(t)
	f.refuse = func(line string) (int, string) {
		if strings.HasPrefix(line, "GET /_index_template") {
			return 403, `{"error":{"type":"security_exception","reason":"action [indices:admin/index_template/get] is unauthorized for user [publisher]"},"status":403}`
		}
		return 0, ""
	}
	err := connectOutput(t, f, nil)
	refusedFor(t, err, "index template logs-ti_threatq.threat", "manage_index_templates", "setup.template.enabled")
}
