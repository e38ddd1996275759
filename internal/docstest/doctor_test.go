// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package docstest

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// masks hide what differs from one appliance to another.
var masks = []struct {
	pattern     *regexp.Regexp
	replacement string
}{
	{regexp.MustCompile(` +[0-9.]+ ms`), " # ms"},
	{regexp.MustCompile(`https://\S+`), "URL"},
	{regexp.MustCompile(`[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+( is an IP address|:[0-9]+)?`), "ADDRESS"},
	{regexp.MustCompile(`certificate of .*, valid until [0-9-]+.*`), "certificate of NAME, valid until DATE"},
}

func masked(text string) string {
	for _, mask := range masks {
		text = mask.pattern.ReplaceAllString(text, mask.replacement)
	}
	return strings.TrimSpace(text)
}

// The report of test input that the documentation shows is the one that is
// printed.
func TestDoctorExample(t *testing.T) {
	_, pages := load(t)
	blocks := slices.DeleteFunc(blocksIn(pages, "text"), func(b block) bool { return b.mark() != "doctor" })
	require.Len(t, blocks, 1)

	sim, err := simulator.New(simulator.Config{Indicators: 1, Seed: 1})
	require.NoError(t, err)
	server := httptest.NewTLSServer(sim)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	authority := filepath.Join(dir, "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, os.WriteFile(authority, certificate, 0o600))
	settings := sim.Config()
	config, err := yaml.Marshal(map[string]any{
		"threatqbeat.inputs": []any{beattest.Input("threatq-default", server.URL, settings.DataCollectionID, settings.ClientID, "wrong", map[string]any{
			"request.ssl.certificate_authorities": []string{authority},
		})},
		"output.console.pretty": false,
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "threatqbeat.yml"), config, 0o600))

	cmd := threatqbeat(t, "test", "input", "--path.home", dir)
	output, err := cmd.Output()
	require.Error(t, err, "a refused client is a failure")
	require.Equal(t, masked(blocks[0].text), masked(string(output)))
}
