// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

const refusedSecret = "never-to-be-printed"

// A wrong setting is refused before anything starts, with the input's id, the
// setting's path, its value and what would be right.
func TestRefusals(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	tests := map[string]struct {
		settings map[string]any
		remove   string
		want     []string
	}{
		"no url":                {remove: "url", want: []string{`"broken"`, "url"}},
		"url without scheme":    {settings: map[string]any{"url": "threatq.example.com"}, want: []string{`"broken"`, "url", "threatq.example.com", "https://"}},
		"url of another scheme": {settings: map[string]any{"url": "ftp://threatq.example.com"}, want: []string{`"broken"`, "url", "ftp://threatq.example.com", "https://"}},
		"plain http":            {settings: map[string]any{"url": "http://threatq.example.com"}, want: []string{`"broken"`, "url", "request.allow_insecure_http"}},
		"no client id":          {remove: "auth.oauth2.client.id", want: []string{`"broken"`, "auth.oauth2.client.id"}},
		"no client secret":      {remove: "auth.oauth2.client.secret", want: []string{`"broken"`, "auth.oauth2.client.secret"}},
		"no data collection":    {remove: "data_collection_id", want: []string{`"broken"`, "data_collection_id"}},
		"interval 0":            {settings: map[string]any{"interval": "0s"}, want: []string{`"broken"`, "interval", "0s", "1m"}},
		"interval no duration":  {settings: map[string]any{"interval": "soon"}, want: []string{`"broken"`, "interval", "soon"}},
		"expiration no unit":    {settings: map[string]any{"ioc_expiration_duration": "90"}, want: []string{`"broken"`, "ioc_expiration_duration", "90", "90d"}},
		"expiration in weeks":   {settings: map[string]any{"ioc_expiration_duration": "2w"}, want: []string{`"broken"`, "ioc_expiration_duration", "2w"}},
		"page size 0":           {settings: map[string]any{"page_size": 0}, want: []string{`"broken"`, "page_size", "0"}},
		"page size no number":   {settings: map[string]any{"page_size": "many"}, want: []string{`"broken"`, "page_size"}},
		"namespace":             {settings: map[string]any{"data_stream.namespace": "Prod*"}, want: []string{`"broken"`, "data_stream.namespace", "Prod*"}},
		"enabled no bool":       {settings: map[string]any{"enabled": "flase"}, want: []string{`"broken"`, `enabled is "flase"`, "true or false"}},
		"unknown processor":     {settings: map[string]any{"processors": []any{map[string]any{"bogus": map[string]any{}}}}, want: []string{`"broken"`, "processors", "bogus"}},
		"wrong processor":       {settings: map[string]any{"processors": []any{map[string]any{"add_tags": map[string]any{"tags": map[string]any{"a": 1}}}}}, want: []string{`"broken"`, "processors.0 can't be used"}},
		"processor's setting":   {settings: map[string]any{"processors": []any{map[string]any{"add_tags": 7}}}, want: []string{`"broken"`, "processors.0.add_tags"}},
		"index no format":       {settings: map[string]any{"index": "%{[a"}, want: []string{`"broken"`, "index", "missing closing"}},
		"value for a group":     {settings: map[string]any{"request": 5}, want: []string{`"broken"`, "request", "timeout"}},
		"no certificate":        {settings: map[string]any{"request.ssl.certificate_authorities": []any{"missing.pem"}}, want: []string{`"broken"`, "request.ssl", "missing.pem"}},
		"verification":          {settings: map[string]any{"request.ssl.verification_mode": "sloppy"}, want: []string{`"broken"`, `request.ssl.verification_mode is "sloppy"`, "certificate"}},
		"no id":                 {remove: "id", want: []string{"id", "threatq-default"}},
		"another type":          {settings: map[string]any{"type": "httpjson"}, want: []string{"type", "httpjson", "threatq"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			input := beattest.Input("broken", "https://threatq.example.com", "0123456789abcdef", "client", refusedSecret, tt.settings)
			delete(input, tt.remove)
			dir := beattest.NewDir(t)
			dir.Configure(map[string]any{"threatqbeat.inputs": []any{input}})

			for _, command := range [][]string{{"run"}, {"test", "config"}} {
				output, code := dir.Run(command...)
				assert.Equal(t, 1, code, output)
				for _, want := range tt.want {
					assert.Contains(t, output, want)
				}
				assert.NotContains(t, output, refusedSecret)
				// The wording of the libraries, which says nothing to a user.
				assert.NotContains(t, output, "accessing")
				assert.NotContains(t, output, "<nil>")
			}
		})
	}
}

func TestRefusalOfTwoInputsWithOneID(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	input := beattest.Input("twice", "https://threatq.example.com", "0123456789abcdef", "client", refusedSecret, nil)
	dir := beattest.NewDir(t)
	dir.Configure(map[string]any{"threatqbeat.inputs": []any{input, input}})
	output, code := dir.Run("run")
	assert.Equal(t, 1, code)
	assert.Contains(t, output, `threatqbeat.inputs.1: id is "twice", as that of threatqbeat.inputs.0`)
}

func TestRefusalWithoutInputs(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	dir := beattest.NewDir(t)
	dir.Configure(nil)
	output, code := dir.Run("run")
	assert.Equal(t, 1, code)
	assert.Contains(t, output, "threatqbeat.inputs")
}

// A secret from the environment is taken as it is, whatever it begins with, and
// never quoted by an error about it.
func TestSecretsThatLookLikeSomethingElse(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	for _, secret := range []string{`[` + refusedSecret, `"` + refusedSecret, `{` + refusedSecret, `'` + refusedSecret} {
		t.Run(secret[:1], func(t *testing.T) {
			dir := beattest.NewDir(t)
			dir.Env = []string{"THREATQBEAT_TEST_SECRET=" + secret}
			dir.Configure(map[string]any{
				"threatqbeat.inputs": []any{beattest.Input("a", "https://threatq.example.com", "0123456789abcdef", "client", "${THREATQBEAT_TEST_SECRET}", nil)},
				"output": map[string]any{"elasticsearch": map[string]any{
					"hosts": []string{"http://127.0.0.1:1"}, "username": "u", "password": "${THREATQBEAT_TEST_SECRET}"}},
			})
			output, code := dir.Run("test", "config")
			assert.Zero(t, code, output)
			assert.NotContains(t, output, refusedSecret)

			output, code = dir.Run("export", "config")
			assert.Zero(t, code, output)
			assert.Contains(t, output, "${THREATQBEAT_TEST_SECRET}")
			assert.NotContains(t, output, refusedSecret)
		})
	}
}
