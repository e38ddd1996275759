// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/threatqbeat/threatqbeat/config"
)

// againstSchema checks a YAML text the way an editor does.
func againstSchema(t *testing.T, text string) error {
	t.Helper()
	rendered := renderSchema()
	var schema map[string]any
	require.NoError(t, json.Unmarshal(rendered, &schema))
	var content any
	require.NoError(t, yaml.Unmarshal([]byte(text), &content))
	value, err := asJSON(content)
	require.NoError(t, err)
	return validator{schema["definitions"].(map[string]any)}.validate(schema, value, "")
}

func TestSchemaAcceptsTheSamples(t *testing.T) {
	for _, name := range []string{"threatqbeat.yml", "threatqbeat.reference.yml"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.NoError(t, againstSchema(t, string(text)), name)
	}
	require.NoError(t, againstSchema(t, everythingActive(t)), "the reference with every setting active")
}

func TestSchema(t *testing.T) {
	const complete = `type: threatq, id: a, url: "https://threatq.example.com", data_collection_id: "0123"`
	const flat = complete + `, auth.oauth2.client.id: x, auth.oauth2.client.secret: "${S}"`
	tests := map[string]struct {
		yaml string
		want string // a part of the error, "" for none
	}{
		"file of inputs":        {yaml: `[{` + flat + `}]`},
		"dots":                  {yaml: `threatqbeat.inputs: [{` + flat + `, request.ssl.verification_mode: none}]`},
		"nested":                {yaml: `threatqbeat: {inputs: [{` + complete + `, auth: {oauth2: {client: {id: x, secret: y}}}}]}`},
		"both":                  {yaml: `threatqbeat: {inputs: [{` + complete + `, auth.oauth2: {client.id: x, client: {secret: y}}}]}`},
		"variables":             {yaml: `[{` + flat + `, page_size: "${N}", enabled: "${E:true}", interval: "${I}", tags: "${T}"}]`},
		"Elastic Agent":         {yaml: `[{` + flat + `, data_stream: {type: logs, dataset: ti_threatq.threat, namespace: default}}]`},
		"Libbeat's own":         {yaml: `{output.elasticsearch: {hosts: [a]}, setup: {kibana.host: a, transforms.frequency: 60s}, whatever: 1}`},
		"no interval at all":    {yaml: `[{` + flat + `, interval: often}]`, want: "/0/interval"},
		"misspelt":              {yaml: `[{` + flat + `, interal: 1m}]`, want: "unknown key interal"},
		"misspelt, nested":      {yaml: `[{` + flat + `, request: {retry: {max_attemps: 3}}}]`, want: "unknown key max_attemps"},
		"misspelt, above":       {yaml: `threatqbeat: {input: []}`, want: "unknown key input"},
		"misspelt, in setup":    {yaml: `setup.transforms: {frequenzy: 1m}`, want: "unknown key frequenzy"},
		"without an id":         {yaml: `[{type: threatq, url: u, data_collection_id: d, auth.oauth2.client: {id: x, secret: y}}]`, want: "lacks id"},
		"without a secret":      {yaml: `[{` + complete + `, auth.oauth2: {client.id: x}}]`, want: "lacks client"},
		"too large":             {yaml: `[{` + flat + `, page_size: 10001}]`, want: "at most 10000"},
		"too small":             {yaml: `[{` + flat + `, page_size: 0}]`, want: "at least 1"},
		"not a lifetime":        {yaml: `[{` + flat + `, ioc_expiration_duration: 90 days}]`, want: "/0/ioc_expiration_duration"},
		"not a mode":            {yaml: `[{` + flat + `, request.ssl.verification_mode: some}]`, want: "one of"},
		"a word for a switch":   {yaml: `[{` + flat + `, preserve_original_event: maybe}]`, want: "of type boolean"},
		"a setting as an input": {yaml: `threatqbeat.inputs: [{` + flat + `}, nonsense]`, want: "of type object"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := againstSchema(t, test.yaml)
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
		})
	}
}

// A setting is known to the schema in every way that it can be written.
func TestSchemaKnowsEverySetting(t *testing.T) {
	rendered := renderSchema()
	var schema struct {
		Definitions map[string]struct {
			Properties map[string]any
		}
	}
	require.NoError(t, json.Unmarshal(rendered, &schema))
	for _, name := range config.InputSettings().Names() {
		require.Contains(t, schema.Definitions["input"].Properties, name)
		for at, char := range name {
			if char == '.' {
				require.Contains(t, schema.Definitions["input."+name[:at]].Properties, name[at+1:])
			}
		}
	}
}
