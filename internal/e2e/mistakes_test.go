// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// Mistakes above the inputs, most of which Libbeat would ignore.
func TestMistakesAboveTheInputs(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	for setting, want := range map[string]string{
		"loging.level: debug":                                    `unknown setting "loging.level": did you mean "logging.level"?`,
		"logging.levle: debug":                                   `unknown setting "logging.levle": did you mean "logging.level"?`,
		"http: true":                                             `http has a value of its own: below it there are enabled`,
		"logging: true":                                          `logging has a value of its own: below it there are level`,
		"logging: [level]":                                       `logging has a value of its own: below it there are level`,
		"path: /var/lib":                                         `path has a value of its own: below it there are home`,
		"queue: 5":                                               `queue has a value of its own: below it there are mem.events`,
		"monitoring: true":                                       `monitoring has a value of its own: below it there are enabled`,
		"setup.kibana: http://192.0.2.1":                         `setup.kibana has a value of its own: below it there are host`,
		"output.elasticsearch.ssl: true":                         `output.elasticsearch.ssl has a value of its own: below it there are enabled`,
		"output.elasticsearch.backoff: 5s":                       `output.elasticsearch.backoff has a value of its own: below it there are init`,
		"threatqbeat.registry: data":                             `threatqbeat.registry has a value of its own: below it there are path`,
		"processors: none":                                       `processors`,
		"seccomp: true":                                          `seccomp`,
		"output.elasticsearch.apikey: a:b":                       `unknown setting "output.elasticsearch.apikey": did you mean "output.elasticsearch.api_key"?`,
		"output.elasticsearch.hostss: [a]":                       `did you mean "output.elasticsearch.hosts"?`,
		"output.elasticsearch.ssl.certificate_authority: a":      `did you mean "output.elasticsearch.ssl.certificate_authorities"?`,
		"output.elasticsearch.ssl.certificate: a.pem":            `output.elasticsearch.ssl.key is missing: it must name the private key of output.elasticsearch.ssl.certificate`,
		"output.elasticsearch.ssl.supported_protocols: [a]":      `output.elasticsearch.ssl.supported_protocols.0`,
		"output.elasticsearch.ssl.ca_sha256: [AAAA]":             `output.elasticsearch.ssl.ca_sha256.0 is "AAAA": it must be the SHA-256 sum`,
		"output.elasticsearch.hosts: ['http://127.0.0.1:99999']": `output.elasticsearch.hosts.0 has the port 99999`,
		"output.elasticsearch.worker: 1.5":                       `output.elasticsearch.worker is "1.5": it must be a whole number`,
		"queue.mem.evnts: 100":                                   `did you mean "queue.mem.events"?`,
		"http.enable: true":                                      `did you mean "http.enabled"?`,
		"http.port: 70000":                                       `http.port is 70000: it must be a whole number`,
		"monitoring.enbled: true":                                `did you mean "monitoring.enabled"?`,
		"setup.foo: 1":                                           `unknown setting "setup.foo"`,
		"threatqbeat.shutdown_timout: 1s":                        `did you mean "threatqbeat.shutdown_timeout"?`,
		"output.elasticsearch.api_key: ${THREATQBEAT_NOT_SET}":   `output.elasticsearch.api_key refers to ${THREATQBEAT_NOT_SET}, which is neither in the keystore nor in the environment`,
		"name: one\nname: two":                                   `threatqbeat.yml:11: name is set twice, in line 10 already: remove one`,
		"name: one\nhttp: {enabled: true}\nhttp.enabled: true":   `http.enabled is set twice`,
	} {
		t.Run(setting, func(t *testing.T) {
			dir := beattest.NewDir(t)
			require.NoError(t, os.WriteFile(dir.File("threatqbeat.yml"), []byte(`threatqbeat.inputs:
- type: threatq
  id: one
  url: https://threatq.example.com
  data_collection_id: 0123456789abcdef
  auth.oauth2.client: {id: a, secret: b}

output.elasticsearch.allow_older_versions: true

`+setting+"\n"), 0o600))
			for _, command := range [][]string{{"run"}, {"test", "config"}} {
				output, code := dir.Run(command...)
				assert.Equal(t, 1, code, output)
				assert.Contains(t, output, want)
				assert.Equal(t, 1, strings.Count(strings.TrimSpace(output), "\n")+1, "one line: %s", output)
			}
		})
	}
}

// What leads away from the data stream works, and is hardly meant.
func TestIndexOfTheOutputIsWarnedOf(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	dir := beattest.NewDir(t)
	dir.Configure(map[string]any{
		"threatqbeat.inputs": []any{beattest.Input("one", "https://threatq.example.com", "0123456789abcdef", "client", "secret", nil)},
		"output":             map[string]any{"elasticsearch": map[string]any{"hosts": []string{"127.0.0.1:1"}, "index": "mine"}},
	})
	output, code := dir.Run("test", "config", "-e")
	assert.Zero(t, code, output)
	assert.Contains(t, output, `output.elasticsearch.index is \"mine\", which leads the events away from the data stream`)
}

// Variables reach a secret as they are, whatever they look like.
func TestVariablesReachASecretAsTheyAre(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	for i, secret := range []string{"0123456", "1e5", " with blanks ", "0x1F", "true", "1_000", "007", "a,b", "{a", "[a]", "a${b}$$c"} {
		t.Run(fmt.Sprint(i), func(t *testing.T) { // whose name is part of paths
			t.Parallel()
			sim := startAppliance(t, simulator.Config{Indicators: 5, Seed: 1, ClientSecret: secret})
			for _, form := range []string{"${THREATQBEAT_TEST_SECRET}", "${THREATQBEAT_TEST_SECRET:none}"} {
				dir := beattest.NewDir(t)
				dir.Env = []string{"THREATQBEAT_TEST_SECRET=" + secret}
				dir.Configure(map[string]any{"threatqbeat.inputs": []any{sim.input("one", map[string]any{"auth.oauth2.client.secret": form})}})
				output, code := dir.Run("test", "input")
				assert.Zero(t, code, output)
			}
		})
	}
}

// So do those of the output, from the environment and from the keystore.
func TestVariablesReachTheOutputAsTheyAre(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]bool{}
	es := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		mu.Lock()
		seen[user+":"+password] = true
		mu.Unlock()
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		fmt.Fprint(w, `{"version":{"number":"9.2.0","build_flavor":"default"}}`)
	}))
	defer es.Close()
	for i, secret := range []string{"0123456", " with blanks ", "a,b", "a${b}$$c"} {
		t.Run(fmt.Sprint(i), func(t *testing.T) { // whose name is part of paths
			dir := beattest.NewDir(t)
			dir.Env = []string{"THREATQBEAT_TEST_SECRET=" + secret}
			for form, user := range map[string]string{
				"${THREATQBEAT_TEST_SECRET}": "environment", "${THREATQBEAT_TEST_SECRET:none}": "with-default", "${KEPT}": "keystore",
			} {
				dir.Configure(map[string]any{
					"threatqbeat.inputs": []any{beattest.Input("one", "http://192.0.2.1", "0123456789abcdef", "id", "secret", nil)},
					"output":             map[string]any{"elasticsearch": map[string]any{"hosts": []string{es.URL}, "username": user, "password": form}},
				})
				if user == "keystore" {
					output, code := dir.Run("keystore", "create", "--force")
					require.Zero(t, code, output)
					add := dir.StartWithInput(strings.NewReader(secret+"\n"), "keystore", "add", "KEPT", "--stdin", "--force") // as echo writes it
					require.Zero(t, add.Wait(), add.Output())
				}
				output, _ := dir.Run("test", "output")
				mu.Lock()
				assert.True(t, seen[user+":"+secret], "%s: %v\n%s", user, seen, output)
				mu.Unlock()
			}
		})
	}
}

// A mistake in a file of inputs that is followed stops nothing that ran, and is said
// with its file and line as long as it lasts.
func TestMistakesInFilesOfInputs(t *testing.T) {
	t.Parallel()
	sim := startAppliance(t, tidy(100))
	dir := beattest.NewDir(t)
	dir.Write("inputs.d/a.yml", []any{sim.input("a", map[string]any{"interval": "1s"})})
	settings := map[string]any{"threatqbeat.config.inputs": map[string]any{
		"enabled": true, "path": dir.File("inputs.d", "*.yml"), "reload.enabled": true, "reload.period": "1s",
	}}
	get := withEndpoint(t, dir, settings)
	dir.Configure(settings)
	var root beattest.Event
	health := func(status, reason string) func() bool {
		return func() bool {
			root = nil
			if !get("/", &root) {
				return false
			}
			said, _ := root.Get("health.reason").(string)
			return root.Get("health.status") == status && strings.Contains(said, reason) && root.Get("health.inputs.healthy") == 1.0
		}
	}
	beat := dir.Start("run")
	beat.Eventually("the first collection", health("healthy", ""))

	text, err := os.ReadFile(dir.File("inputs.d", "a.yml"))
	require.NoError(t, err)
	write := func(name, content string) {
		require.NoError(t, os.WriteFile(dir.File("inputs.d", name), []byte(content), 0o600))
	}
	goesOn := func() {
		before := sim.Stats().Total(simulator.EndpointData)
		beat.Eventually("the next cycles of the input", func() bool { return sim.Stats().Total(simulator.EndpointData) > before+1 })
	}
	for _, mistake := range []struct{ content, reason string }{
		{string(text) + "  interal: 5s\n", `a.yml:` + strconv.Itoa(strings.Count(string(text), "\n")+1) + `: unknown setting "interal" in input "a": did you mean "interval"?`},
		{string(text) + "\tbroken: [", "a.yml: yaml: line "},
		{string(text) + "  id: a\n", "id is set twice"},
	} {
		write("a.yml", mistake.content)
		beat.Eventually(mistake.reason, health("degraded", mistake.reason))
		goesOn()
		output, code := dir.Run("test", "config")
		assert.Equal(t, 1, code, output)
		assert.Contains(t, output, mistake.reason)
	}
	write("a.yml", string(text))
	beat.Eventually("the end of the mistakes", health("healthy", ""))

	write("b.yml", string(text))
	beat.Eventually("the second input of that id", health("degraded", `id is "a", as that of `+dir.File("inputs.d", "a.yml")))
	goesOn()
	beat.Stop()

	settings["threatqbeat.config.inputs"] = map[string]any{"path": dir.File("inputs.d", "*.yml")}
	dir.Configure(settings)
	for _, command := range [][]string{{"run"}, {"test", "config"}} {
		output, code := dir.Run(command...)
		assert.Equal(t, 1, code, output)
		assert.Contains(t, output, `b.yml:1: id is "a", as that of `+dir.File("inputs.d", "a.yml"))
	}
}
