// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	agentproto "github.com/elastic/elastic-agent-client/v7/pkg/proto"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

// canaryBox hands out secrets that are found wherever they are written.
type canaryBox struct {
	names, values []string
}

func (b *canaryBox) secret(name string) string {
	value := fmt.Sprintf("canary/%02d+&=\"x\" %s", len(b.values), name[:1])
	b.names, b.values = append(b.names, name), append(b.values, value)
	return value
}

// word is a secret for where not every character may stand.
func (b *canaryBox) word(name string) string {
	value := fmt.Sprintf("canary%02dz", len(b.values))
	b.names, b.values = append(b.names, name), append(b.values, value)
	return value
}

func (b *canaryBox) requireNone(t *testing.T, where, text string) {
	t.Helper()
	for i, value := range b.values {
		for _, form := range forms(value) {
			if at := strings.Index(text, form); at >= 0 {
				assert.Fail(t, "a secret was written", "%s, in %s: ...%s...", b.names[i], where, text[max(0, at-200):min(len(text), at+100)])
				break
			}
		}
	}
}

// outputsWithSecrets are the outputs with a secret in each setting that can have
// one. Nothing answers at the addresses.
func outputsWithSecrets(t *testing.T, box *canaryBox) map[string]map[string]any {
	address := freeAddress(t)
	proxy := func(name, scheme string) string { return scheme + "://me:" + box.word(name) + "@" + freeAddress(t) }
	return map[string]map[string]any{
		"elasticsearch": {
			"hosts":    []string{"http://other:" + box.word("host") + "@" + address, "http://" + address},
			"username": "me", "password": box.secret("password"),
			"headers":       map[string]any{"Authorization": "Bearer " + box.word("header"), "X-Key": box.secret("X-Key")},
			"proxy_url":     proxy("proxy", "http"),
			"proxy_headers": map[string]any{"X-Key": box.secret("proxy header")},
			"parameters":    map[string]any{"token": box.secret("parameter")},
		},
		"elasticsearch with a wrong proxy": {
			"hosts": []string{"http://" + address}, "api_key": "anid:" + box.word("API key"),
			"proxy_url": "http://me:" + box.word("proxy that can't be parsed") + "@" + address + ":1:2",
		},
		"elasticsearch with a wrong passphrase": {
			"hosts": []string{"https://" + address},
			"ssl":   map[string]any{"key_passphrase": box.secret("passphrase"), "certificate": "missing.pem", "key": "missing.key"},
		},
		"logstash": {
			"hosts": []string{address}, "proxy_url": proxy("socks", "socks5"),
		},
		"kafka": {
			"hosts": []string{address}, "topic": "threatq", "username": "me", "password": box.secret("password"),
			"headers": []any{map[string]any{"key": "x", "value": box.secret("header")}},
		},
		"redis": {
			"hosts": []string{"redis://:" + box.word("host") + "@" + address}, "key": "threatq", "password": box.secret("password"),
			"proxy_url": proxy("socks", "socks5"),
		},
	}
}

// No command prints or logs a secret, whichever setting has it, as long as there is
// one that the setting can have.
func TestNoCommandShowsASecret(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	box := &canaryBox{}
	sim := startAppliance(t, tidy(20))
	for name, output := range outputsWithSecrets(t, box) {
		t.Run(name, func(t *testing.T) {
			dir := beattest.NewDir(t)
			kind, _, _ := strings.Cut(name, " ")
			api := freeAddress(t)
			settings := map[string]any{
				"threatqbeat.inputs": []any{sim.input("one", map[string]any{
					"request.proxy_headers": map[string]any{"X-Key": box.secret("proxy header")},
					"processors": []any{map[string]any{"add_fields": map[string]any{
						"target": "labels", "fields": map[string]any{"x": "y"},
					}}},
				})},
				"output":          map[string]any{kind: output},
				"http":            endpointAt(api),
				"setup.kibana":    map[string]any{"host": freeAddress(t), "username": "me", "password": box.secret("Kibana's password"), "headers": map[string]any{"X-Key": box.secret("Kibana's header")}},
				"instrumentation": map[string]any{"enabled": true, "hosts": []string{"http://" + freeAddress(t)}, "secret_token": box.secret("token")},
				"monitoring": map[string]any{"enabled": true, "elasticsearch": map[string]any{
					"hosts": []string{"http://" + freeAddress(t)}, "username": "me", "password": box.secret("monitoring's password"),
				}},
			}
			dir.Configure(settings)
			dir.Env = []string{"NO_COLOR=1"}
			for _, command := range [][]string{{"test", "config"}, {"test", "output"}, {"test", "input"}, {"export", "config"}, {"setup"}, {"cursor", "list"}, {"verify"}} {
				for _, flags := range [][]string{nil, {"-e", "-d", "*"}} {
					printed, _ := dir.Run(append(command, flags...)...)
					require.NotEmpty(t, printed)
					box.requireNone(t, strings.Join(command, " "), printed)
				}
			}
			for _, command := range [][]string{{"run"}, {"run", "-e", "-d", "*"}} {
				beat := dir.Start(command...)
				beat.Eventually("an attempt to connect", func() bool {
					return beat.Exited() || strings.Contains(beat.Output()+strings.Join(dir.LogMessages("error"), "\n"), "onnect")
				})
				for _, path := range []string{"/", "/stats", "/state", "/inputs/"} {
					if resp, err := http.Get("http://" + api + path); err == nil {
						text, _ := io.ReadAll(resp.Body)
						_ = resp.Body.Close()
						box.requireNone(t, path, string(text))
					}
				}
				beat.Kill()
				box.requireNone(t, "run", beat.Output())
			}
			require.NoError(t, filepath.WalkDir(dir.Path, func(path string, entry fs.DirEntry, err error) error {
				if err != nil || entry.IsDir() || entry.Name() == "threatqbeat.yml" {
					return err
				}
				text, err := os.ReadFile(path)
				box.requireNone(t, entry.Name(), string(text))
				return err
			}))
		})
	}
}

// Nor does a beat that Elastic Agent manages, in its log or in the diagnostics.
func TestAgentIsShownNoSecretOfTheOutput(t *testing.T) {
	t.Parallel()
	box := &canaryBox{}
	sim := startAppliance(t, tidy(20))
	dir := beattest.NewDir(t)
	agent := startElasticAgent(t)
	input := withLogLevel(newInputUnit(t, inputUnit, 1, stream{id: "one", settings: sim.input("", map[string]any{
		"request.proxy_headers": map[string]any{"X-Key": box.secret("proxy header")},
	})}), agentproto.UnitLogLevel_TRACE)
	output := newOutputUnit(t, dir, "events", 1)
	output.Config.Type, output.Config.Name = "elasticsearch", "elasticsearch"
	output.Config.Source = newStruct(t, map[string]any{
		"type": "elasticsearch", "hosts": []any{"http://" + freeAddress(t)},
		"username": "me", "password": box.secret("password"), "headers": map[string]any{"X-Key": box.secret("header")},
		"proxy_url": "http://me:" + box.word("proxy") + "@" + freeAddress(t),
	})
	agent.expect(input, output)
	beat := agent.start(dir)
	beat.Eventually("an attempt to connect", func() bool { return strings.Contains(beat.Output(), "Failed to connect") })
	for name, result := range agent.diagnostics(input) {
		box.requireNone(t, name, string(result.Content))
	}
	assert.Contains(t, beat.Output(), "proxy URL")
	beat.Kill()
	box.requireNone(t, "the log", beat.Output())
}
