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
	fence       = regexp.MustCompile("(?ms)^ *```(\\w+)[^\n]*\n(.*?)^ *```")
	requestLine = regexp.MustCompile(`(?m)^ *(GET|HEAD|POST|PUT|DELETE) +(\S+) *$`)
)

// block is a fenced block of a page.
type block struct{ language, text string }

// blocks returns the fenced blocks of a page that have a language, in order.
func blocks(t *testing.T, page string) []block {
	t.Helper()
	text, err := os.ReadFile(docs + page)
	require.NoError(t, err)
	var found []block
	for _, match := range fence.FindAllStringSubmatch(string(text), -1) {
		found = append(found, block{match[1], match[2]})
	}
	return found
}

// requests returns the requests of a console block, in order: method, path, body.
func requests(t *testing.T, console string) [][3]string {
	t.Helper()
	lines := requestLine.FindAllStringSubmatchIndex(console, -1)
	require.NotEmpty(t, lines, "a console block has no request: %s", console)
	var found [][3]string
	for n, line := range lines {
		end := len(console)
		if n+1 < len(lines) {
			end = lines[n+1][0]
		}
		found = append(found, [3]string{console[line[2]:line[3]], console[line[4]:line[5]], strings.TrimSpace(console[line[1]:end])})
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
		var sends [][3]string
		for _, b := range blocks(t, page) {
			if b.language == "console" {
				sends = append(sends, requests(t, b.text)...)
			}
		}
		for _, r := range sends {
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
