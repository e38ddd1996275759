// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

var (
	consoleBlock = regexp.MustCompile("(?ms)^ *```console *\n(.*?)^ *```")
	requestLine  = regexp.MustCompile(`(?m)^ *(GET|HEAD|POST|PUT|DELETE) +(\S+) *$`)
)

// requests returns the requests of the console blocks of a page, in order.
func requests(t *testing.T, page string) [][3]string {
	t.Helper()
	text, err := os.ReadFile(docs + page)
	require.NoError(t, err)
	var found [][3]string
	for _, block := range consoleBlock.FindAllStringSubmatch(string(text), -1) {
		lines := requestLine.FindAllStringSubmatchIndex(block[1], -1)
		require.NotEmpty(t, lines, "a console block of %s has no request: %s", page, block[1])
		for n, line := range lines {
			end := len(block[1])
			if n+1 < len(lines) {
				end = lines[n+1][0]
			}
			found = append(found, [3]string{
				block[1][line[2]:line[3]], block[1][line[4]:line[5]], strings.TrimSpace(block[1][line[1]:end]),
			})
		}
	}
	return found
}

// Every console block of the documentation, page by page and in order, is something
// that Elasticsearch does. The last ones remove everything.
func TestConsoleBlocksOfTheDocs(t *testing.T) {
	c := connect(t)
	c.reset()
	sim := startAppliance(t, 1, 3)
	sim.putFiles()
	dir := c.beat(nil, sim.input("one", nil))
	c.setup(dir)
	beat := dir.Start("run")
	c.eventually("the two that have not expired are active", patience, func() bool { return len(c.active()) == 2 })
	beat.Stop()
	version := assets.Version()
	t.Cleanup(func() {
		c.try("DELETE", "/_data_stream/logs-threatqbeat.check-default", nil)
		c.try("DELETE", "/_security/role/threatqbeat_setup", nil)
		c.try("DELETE", "/_security/role/threatqbeat_publish", nil)
		c.try("DELETE", "/_ingest/pipeline/my-enrichment", nil)
	})

	pages, err := filepath.Glob(docs + "*.md")
	require.NoError(t, err)
	order := []string{"../README.md", "keys.md", "getting-started.md"}
	for _, page := range pages {
		name := filepath.Base(page)
		if name != "elasticsearch.md" && !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	order = append(order, "elasticsearch.md") // it ends with the removal
	sent := 0
	for _, page := range order {
		for _, r := range requests(t, page) {
			at := strings.ReplaceAll(r[1], "VERSION", version)
			status, answer := c.raw(r[0], "/"+strings.TrimPrefix(at, "/"), r[2])
			assert.Less(t, status, 300, "%s: %s %s: %v", page, r[0], at, answer)
			if created, ok := answer["created"]; ok && strings.HasPrefix(at, "_reindex") {
				assert.EqualValues(t, 1, created, "%s: %s puts one event", page, r[2])
			}
			if id, ok := answer["id"].(string); ok && answer["api_key"] != nil {
				c.try("DELETE", "/_security/api_key", object{"ids": []string{id}})
			}
			sent++
		}
	}
	t.Logf("%d requests of %d pages", sent, len(order))
	assert.Greater(t, sent, 20)
	for _, gone := range []string{
		"/_alias/" + assets.Alias, "/_index_template/" + assets.TemplateName, "/_index_template/" + assets.DestTemplateName,
		"/_ingest/pipeline/" + assets.PipelineName, "/_ilm/policy/" + assets.PolicyName,
	} {
		status, _ := c.try("GET", gone, nil)
		assert.Equal(t, http.StatusNotFound, status, "%s: all is removed", gone)
	}
}
