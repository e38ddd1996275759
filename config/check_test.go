// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/config"
)

// checkNames looks at an input's settings by themselves.
func checkNames(raw *config.C) error {
	c := newChecker(InputSettings(), " in "+describeInput(raw))
	c.walk(raw, "")
	return Join(append(c.unknown, c.wrong...)...)
}

func TestCheckNames(t *testing.T) {
	tests := map[string]struct {
		yaml string
		want string // "" means accepted
	}{
		"nothing": {yaml: `{}`},
		"every way to write a nested name": {yaml: `
id: a
auth.oauth2: {client.id: x, client: {secret: y}}
auth: {oauth2.token_url: "https://threatq.example.com/api/token"}
request: {timeout: 1s, retry.max_attempts: 3, ssl: {verification_mode: full}}
request.tracer.enabled: false`},
		"settings that every input shares": {yaml: `
id: a
enabled: true
tags: [one]
fields: {anything: {goes: here}}
fields_under_root: true
processors: [{add_fields: {target: "", fields: {a.b: c}}}]
index: other
pipeline: other
keep_null: true
publisher_pipeline.disable_host: true
clean_inactive: 1h`},
		"settings that Elastic Agent adds": {yaml: `
id: a
data_stream: {type: logs, dataset: ti_threatq.threat, namespace: default}
policy: {revision: 3}
meta.package.name: threatq`},
		"a variable that is not set": {yaml: `{id: a, auth.oauth2.client.secret: "${NOT_SET_ANYWHERE}"}`},
		"groups without settings":    {yaml: "id: x\nrequest:\nauth: {}"},
		"a value instead of a group": {
			yaml: `{id: x, auth.oauth2: token}`,
			want: `auth.oauth2 has a value of its own: below it there are client.id, client.secret, token_url`,
		},
		"a list instead of a group": {
			yaml: `{id: x, request.retry: [5]}`,
			want: `request.retry has a value of its own: below it there are max_attempts, wait_min, wait_max`,
		},
		"a misspelt name": {
			yaml: `{id: x, interal: 1m}`,
			want: `unknown setting "interal" in input "x": did you mean "interval"?`,
		},
		"letters swapped": {
			yaml: `{id: x, ulr: "https://threatq.example.com"}`,
			want: `unknown setting "ulr" in input "x": did you mean "url"?`,
		},
		"upper case": {
			yaml: `{id: x, Interval: 1m}`,
			want: `unknown setting "Interval" in input "x": did you mean "interval"?`,
		},
		"a misspelt nested name": {
			yaml: `{id: x, request: {retry: {max_attemps: 3}}}`,
			want: `unknown setting "request.retry.max_attemps" in input "x": did you mean "request.retry.max_attempts"?`,
		},
		"misspelt on the way": {
			yaml: `{id: x, requst.retry: {max_attempts: 3, wait_min: 1s}}`,
			want: `unknown setting "requst.retry.max_attempts" in input "x": did you mean "request.retry.max_attempts"?; ` +
				`unknown setting "requst.retry.wait_min" in input "x": did you mean "request.retry.wait_min"?`,
		},
		"one level too high": {
			yaml: `{id: x, timeout: 3s}`,
			want: `unknown setting "timeout" in input "x": did you mean "request.timeout"?`,
		},
		"one level too low": {
			yaml: `{id: x, request.url: "https://threatq.example.com"}`,
			want: `unknown setting "request.url" in input "x": did you mean "url"?`,
		},
		"an underscore for a dot": {
			yaml: `{id: x, auth.oauth2.client_id: y}`,
			want: `unknown setting "auth.oauth2.client_id" in input "x": did you mean "auth.oauth2.client.id"?`,
		},
		"in the TLS settings": {
			yaml: `{id: x, request.ssl.certificate_authorites: [ca.pem]}`,
			want: `unknown setting "request.ssl.certificate_authorites" in input "x": did you mean "request.ssl.certificate_authorities"?`,
		},
		"nothing like it, with siblings": {
			yaml: `{id: x, request.rate_limit.early_limitation_of_everything: 1}`,
			want: `unknown setting "request.rate_limit.early_limitation_of_everything" in input "x": below request.rate_limit there are limit, burst`,
		},
		"nothing like it": {
			yaml: `{id: x, chain: []}`,
			want: `unknown setting "chain" in input "x": docs/configuration.md and threatqbeat.reference.yml list the settings`,
		},
		"an empty section": {
			yaml: `{id: x, reqest: {}}`,
			want: `unknown setting "reqest" in input "x": did you mean "request"?`,
		},
		"without an id": {
			yaml: `{interal: 1m}`,
			want: `unknown setting "interal" in an input without an id: did you mean "interval"?`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := checkNames(parse(t, test.yaml))
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, test.want)
		})
	}
}

// The paths of an input that is a part of a whole file must not carry its place
// in the file.
func TestCheckInputOfAFile(t *testing.T) {
	file := parse(t, `
threatqbeat.inputs:
  - {id: a, interval: 1m}
  - {id: b, request: {timout: 1s}}`)

	first, err := file.Child("threatqbeat.inputs", 0)
	require.NoError(t, err)
	require.NoError(t, checkNames(first))

	second, err := file.Child("threatqbeat.inputs", 1)
	require.NoError(t, err)
	require.EqualError(t, checkNames(second),
		`unknown setting "request.timout" in input "b": did you mean "request.timeout"?`)
}

func TestReadBeatNames(t *testing.T) {
	tests := map[string]struct {
		yaml string
		want string
	}{
		"all known": {yaml: `
inputs: [{type: threatq, whatever: true}]
config.inputs: {enabled: true, path: inputs.d/*.yml, reload.enabled: true, reload.period: 5s}
shutdown_timeout: 5s
registry: {path: registry, file_permissions: 0600, cleanup_interval: 5m}`},
		"misspelt": {
			yaml: `shutdown_timout: 5s`,
			want: `unknown setting "shutdown_timout" in section threatqbeat: did you mean "shutdown_timeout"?`,
		},
		"singular": {
			yaml: `input: []`,
			want: `unknown setting "input" in section threatqbeat: did you mean "inputs"?`,
		},
		"nested": {
			yaml: `config.inputs.reload.intervl: 5s`,
			want: `unknown setting "config.inputs.reload.intervl" in section threatqbeat: below config.inputs.reload there are enabled, period`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ReadBeat(parse(t, test.yaml))
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, test.want)
		})
	}
}

func parse(t *testing.T, yaml string) *config.C {
	t.Helper()
	cfg, err := config.NewConfigWithYAML([]byte(yaml), "test")
	require.NoError(t, err)
	return cfg
}
