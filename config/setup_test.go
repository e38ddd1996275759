// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/config"
)

func TestSetupFrom(t *testing.T) {
	for name, tc := range map[string]struct {
		settings map[string]any
		want     func(*Setup)
	}{
		"nothing":     {nil, func(*Setup) {}},
		"other setup": {map[string]any{"setup.kibana.host": "http://localhost:5601"}, func(*Setup) {}},
		"transforms": {map[string]any{
			"setup.transforms.frequency": "10s", "setup.transforms.sync_delay": "2m",
		}, func(c *Setup) { c.Transforms.Frequency, c.Transforms.SyncDelay = 10*time.Second, 2*time.Minute }},
		"switched off": {map[string]any{
			"setup.template.enabled": false, "setup.ilm.enabled": false,
			"setup.pipelines.enabled": false, "setup.transforms.enabled": false,
		}, func(c *Setup) {
			c.Template.Enabled, c.ILM.Enabled, c.Pipelines.Enabled, c.Transforms.Enabled = false, false, false, false
		}},
		"overwriting": {map[string]any{
			"setup.template.overwrite": true, "setup.ilm.overwrite": true,
		}, func(c *Setup) { c.Template.Overwrite, c.ILM.Overwrite = true, true }},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := SetupFrom(config.MustNewConfigFrom(tc.settings))
			require.NoError(t, err)
			want, err := SetupFrom(config.NewConfig())
			require.NoError(t, err)
			tc.want(&want)
			assert.Equal(t, want, got)
		})
	}
	got, err := SetupFrom(config.NewConfig())
	require.NoError(t, err)
	assert.Equal(t, Setup{
		ILM:        SetupILM{Enabled: true},
		Pipelines:  SetupPipelines{Enabled: true},
		Template:   SetupTemplate{Enabled: true},
		Transforms: SetupTransforms{Enabled: true},
	}, got)
}

func TestCheckFileOfSetup(t *testing.T) {
	for setting, tc := range map[string]struct {
		value any
		want  []string
	}{
		"setup.transforms.frequency":                     {"2h", []string{"setup.transforms.frequency is 2h: it must be a duration such as 30s or 1m (1s to 1h)"}},
		"setup.transforms.sync_delay":                    {"100ms", []string{"setup.transforms.sync_delay is 100ms", "(1s to 24h)"}},
		"setup.transforms.enabled":                       {"perhaps", []string{`setup.transforms.enabled is "perhaps": it must be true or false`}},
		"setup.transforms.frequenzy":                     {"1m", []string{`unknown setting "setup.transforms.frequenzy": did you mean "setup.transforms.frequency"?`}},
		"setup.pipelines.enable":                         {true, []string{`did you mean "setup.pipelines.enabled"?`}},
		"setup.template.name":                            {"mine", []string{"setup.template.name can't be set", "logs-ti_threatq.threat"}},
		"setup.template.settings.index.number_of_shards": {1, []string{"setup.template.settings can't be set", "@custom"}},
		"setup.ilm.policy_name":                          {"mine", []string{"setup.ilm.policy_name can't be set"}},
	} {
		t.Run(setting, func(t *testing.T) {
			err := CheckFile(config.MustNewConfigFrom(map[string]any{setting: tc.value}))
			for _, want := range tc.want {
				assert.ErrorContains(t, err, want)
			}
		})
	}
}
