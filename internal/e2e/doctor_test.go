// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/keystore"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// indicatorMark stands between the steps and the indicator.
const indicatorMark = "  One indicator as published:\n"

func startTLSAppliance(t *testing.T, cfg simulator.Config) (a *appliance, ca []byte) {
	t.Helper()
	sim, err := simulator.New(cfg)
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(sim)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of certificates that clients refuse
	server.StartTLS()
	t.Cleanup(server.Close)
	return &appliance{sim, server.URL}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

func TestTestInput(t *testing.T) {
	t.Parallel()
	plain := startAppliance(t, dated(1_500, 1))
	secure, ca := startTLSAppliance(t, dated(20, 1))
	onHost := strings.Replace(plain.URL, "127.0.0.1", "localhost", 1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	refused := listener.Addr().String()
	require.NoError(t, listener.Close())

	tests := map[string]struct {
		input map[string]any
		code  int
	}{
		"passed":             {input: plain.input("one", map[string]any{"url": onHost})},
		"passed_tls":         {input: secure.input("one", map[string]any{"request.ssl.certificate_authorities": []string{"ca.pem"}})},
		"wrong_secret":       {input: plain.input("one", map[string]any{"auth.oauth2.client.secret": "wrong-secret"}), code: 1},
		"unknown_collection": {input: plain.input("one", map[string]any{"data_collection_id": "beef"}), code: 1},
		"refused":            {input: plain.input("one", map[string]any{"url": "http://" + refused}), code: 1},
		"bad_certificate":    {input: secure.input("one", nil), code: 1},
		"no_tls":             {input: plain.input("one", map[string]any{"url": strings.Replace(plain.URL, "http:", "https:", 1)}), code: 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := beattest.NewDir(t)
			require.NoError(t, os.WriteFile(dir.File("ca.pem"), ca, 0o600))
			dir.Configure(map[string]any{"threatqbeat.inputs": []any{test.input}})
			output, code := dir.Run("test", "input")
			assert.Equal(t, test.code, code, output)
			assert.NotContains(t, output, plain.Config().ClientSecret)
			assert.NotContains(t, output, "wrong-secret")
			steps, indicator, found := strings.Cut(output, indicatorMark)
			assert.Equal(t, test.code == 0, found)
			if found {
				var event beattest.Event
				require.NoError(t, json.Unmarshal([]byte(indicator), &event), indicator)
				assert.Equal(t, "enrichment", event.Get("event.kind"))
				assert.Nil(t, event.Get("event.original"))
			}
			requireGolden(t, "doctor_"+name+".txt", steps, map[string]string{
				strings.TrimPrefix(plain.URL, "http://"): "plain.example.com", strings.TrimPrefix(secure.URL, "https://"): "secure.example.com",
				strings.TrimPrefix(onHost, "http://"): "localhost:PORT", refused: "refused.example.com",
			})
			// It writes no logs of its own.
			assert.NoDirExists(t, dir.File("logs"))
			assert.NoFileExists(t, dir.File("data", "meta.json"))
			assert.NoDirExists(t, dir.File("data", "registry"))
			assert.NoDirExists(t, dir.File("events"))
		})
	}
}

// report is what test input --json prints.
type report struct {
	Input     string `json:"input_id"`
	Passed    bool
	Total     *int
	Read      int
	Indicator beattest.Event
	Steps     []struct {
		Step, Verdict, Detail, Advice string
		Duration                      *float64 `json:"duration_ms"`
	}
}

func reports(t *testing.T, output string) []report {
	t.Helper()
	var list []report
	for line := range bytes.Lines([]byte(output)) {
		if !bytes.HasPrefix(line, []byte("{")) {
			assert.True(t, bytes.HasPrefix(line, []byte("Error: ")), "%s", line)
			continue
		}
		var r report
		require.NoError(t, json.Unmarshal(line, &r))
		list = append(list, r)
	}
	return list
}

func TestTestInputForMachines(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	sim := startAppliance(t, dated(20, 1))
	dir := beattest.NewDir(t)
	dir.Configure(map[string]any{
		"threatqbeat.inputs": []any{
			sim.input("good", nil),
			sim.input("bad", map[string]any{"data_collection_id": "beef"}),
			sim.input("off", map[string]any{"enabled": false, "data_collection_id": "cafe"}),
		},
		"threatqbeat.config.inputs": map[string]any{"enabled": true, "path": "inputs.d/*.yml"},
	})
	dir.Write("inputs.d/a.yml", []any{sim.input("from a file", map[string]any{"page_size": 5, "fields_param": "*,attributes,sources"})})

	output, code := dir.Run("test", "input", "--json")
	assert.Equal(t, 1, code, output)
	assert.Contains(t, output, `Error: 1 of 3 inputs failed: "bad"`)
	list := reports(t, output)
	require.Len(t, list, 3)
	var ids []string
	for _, r := range list {
		ids = append(ids, fmt.Sprint(r.Input, " ", r.Passed, " ", r.Read, " ", len(r.Steps), " ", r.Indicator != nil, " ", r.Total != nil))
	}
	assert.Equal(t, []string{"good true 20 6 true true", "bad false 0 6 false false", "from a file true 5 6 true true"}, ids)
	for _, step := range list[1].Steps {
		switch step.Step {
		case "page":
			assert.Equal(t, "failed", step.Verdict)
			assert.Equal(t, "check data_collection_id and url", step.Advice)
		case "tls", "map":
			assert.Equal(t, "skipped", step.Verdict, step.Step)
		default:
			assert.Equal(t, "ok", step.Verdict, step.Step)
		}
		assert.NotNil(t, step.Duration, step.Step)
	}

	output, code = dir.Run("test", "input", "--json", "--original", "--input", "from a file")
	assert.Zero(t, code, output)
	list = reports(t, output)
	require.Len(t, list, 1)
	assert.JSONEq(t, string(sim.Indicator(0)), list[0].Indicator.Get("event.original").(string))
}

func TestTestInputTakesSecretsFromWhereRunDoes(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	sim := startAppliance(t, dated(20, 1))
	dir := beattest.NewDir(t)
	dir.Configure(map[string]any{"threatqbeat.inputs": []any{
		sim.input("environment", map[string]any{"auth.oauth2.client.secret": "${E2E_CLIENT_SECRET}"}),
		sim.input("keystore", map[string]any{"auth.oauth2.client.secret": "${KEYSTORE_CLIENT_SECRET}"}),
	}})
	dir.Env = []string{"E2E_CLIENT_SECRET=" + sim.Config().ClientSecret}

	output, code := dir.Run("test", "input")
	assert.Equal(t, 1, code, output)
	assert.Contains(t, output, `"keystore"`)
	assert.Contains(t, output, "auth.oauth2.client.secret")

	require.NoError(t, os.MkdirAll(dir.File("data"), 0o755))
	file, err := keystore.NewFileKeystore(dir.File("data", "threatqbeat.keystore"))
	require.NoError(t, err)
	secrets, err := keystore.AsWritableKeystore(file)
	require.NoError(t, err)
	require.NoError(t, secrets.Store("KEYSTORE_CLIENT_SECRET", []byte(sim.Config().ClientSecret)))
	require.NoError(t, secrets.Save())
	output, code = dir.Run("test", "input")
	assert.Zero(t, code, output)
	assert.NotContains(t, output, sim.Config().ClientSecret)
}

func TestTestInputRefusals(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	sim := startAppliance(t, dated(20, 1))
	good := []any{sim.input("one", nil)}
	tests := map[string]struct {
		settings map[string]any
		args     []string
		want     []string
	}{
		"no input":        {want: []string{"no input is configured", "threatqbeat.inputs"}},
		"unknown id":      {settings: map[string]any{"threatqbeat.inputs": good}, args: []string{"--input", "two"}, want: []string{`no input with the id "two"`, `"one"`}},
		"unknown flag":    {settings: map[string]any{"threatqbeat.inputs": good}, args: []string{"--inputs", "one"}, want: []string{"unknown flag: --inputs"}},
		"an argument":     {settings: map[string]any{"threatqbeat.inputs": good}, args: []string{"one"}, want: []string{`"one"`}},
		"wrong value":     {settings: map[string]any{"threatqbeat.inputs": good}, args: []string{"-E", "threatqbeat.inputs.0.page_size=0"}, want: []string{`"one"`, "page_size", "0"}},
		"unknown setting": {settings: map[string]any{"threatqbeat.inputs": good}, args: []string{"-E", "threatqbeat.inputs.0.pagesize=10"}, want: []string{`"one"`, "pagesize", `"page_size"`}},
		"no such file":    {args: []string{"-c", "missing.yml"}, want: []string{"missing.yml"}},
		"wrong value in a file": {
			settings: map[string]any{"threatqbeat.config.inputs": map[string]any{"enabled": true, "path": "inputs.d/*.yml"}},
			want:     []string{"inputs.d", `"in a file"`, "interval"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := beattest.NewDir(t)
			dir.Configure(test.settings)
			dir.Write("inputs.d/one.yml", []any{sim.input("in a file", map[string]any{"interval": "0s"})})
			output, code := dir.Run(append([]string{"test", "input"}, test.args...)...)
			assert.Equal(t, 1, code, output)
			for _, want := range test.want {
				assert.Contains(t, output, want)
			}
			assert.True(t, strings.HasPrefix(output, "Error: "), output)
			assert.Equal(t, 1, strings.Count(output, "\n"), "one sentence: %s", output)
			assert.NotContains(t, output, sim.Config().ClientSecret)
		})
	}
}
