// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package docstest

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// identity are the keys of an input's metrics that name it.
var identity = []string{"id", "input"}

// The metrics that docs/monitoring.md lists are the ones that are served, under
// /inputs/ all of them; the fields of a cycle's line are those that are logged.
func TestMonitoringPage(t *testing.T) {
	_, pages := load(t)
	index := slices.IndexFunc(pages, func(p page) bool { return p.name == "docs/monitoring.md" })
	require.GreaterOrEqual(t, index, 0)
	text := pages[index].text

	sim, err := simulator.New(simulator.Config{Indicators: 200, Seed: 1})
	require.NoError(t, err)
	server, err := sim.Start("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	settings := sim.Config()
	home := beattest.NewDir(t)
	port := freePort(t)
	home.Configure(map[string]any{
		"threatqbeat.inputs": []any{beattest.Input("docs", server.URL, settings.DataCollectionID, settings.ClientID, settings.ClientSecret, nil)},
		"http":               map[string]any{"enabled": true, "port": port},
	})
	beat := home.Start("run")
	var inputs []map[string]any
	complete := func() []beattest.Event {
		return slices.DeleteFunc(home.Logs(), func(line beattest.Event) bool {
			return line["message"] != "The cycle is complete."
		})
	}
	beat.Eventually("a cycle is complete", func() bool {
		return get(port, "/inputs/", &inputs) == nil && len(inputs) == 1 && inputs[0]["cycles_total"] != 0.0 && len(complete()) > 0
	})

	t.Run("inputs", func(t *testing.T) {
		documented := tableNames(section(t, text, "### /inputs/"))
		served := slices.DeleteFunc(flatten(inputs[0]), func(name string) bool { return slices.Contains(identity, name) })
		require.ElementsMatch(t, served, expandClasses(documented))
	})
	t.Run("stats", func(t *testing.T) {
		var stats map[string]any
		require.NoError(t, get(port, "/stats", &stats))
		served := flatten(stats)
		for _, name := range tableNames(section(t, text, "### /stats")) {
			require.Contains(t, served, name)
		}
		for _, name := range served {
			if strings.HasPrefix(name, "threatqbeat.") {
				require.Contains(t, text, "`"+name+"`")
			}
		}
	})
	t.Run("paths", func(t *testing.T) {
		for _, path := range []string{"/", "/stats", "/state", "/inputs/"} {
			require.Contains(t, text, "| `"+path+"` |")
			var any any
			require.NoError(t, get(port, path, &any))
		}
	})
	beat.Stop()
	if runtime.GOOS != "windows" {
		t.Run("modes", func(t *testing.T) { requirePrivate(t, home) })
	}
	t.Run("log line", func(t *testing.T) {
		lines := complete()
		require.NotEmpty(t, lines)
		for _, name := range tableNames(section(t, text, "## The log")) {
			if name != "repeats_skipped" {
				require.Contains(t, lines[0], name)
			}
		}
	})
}

// requirePrivate fails for a file that others than the owner may read: that is
// what docs/security.md says of data and logs.
func requirePrivate(t *testing.T, home *beattest.Dir) {
	t.Helper()
	files := 0
	for _, dir := range []string{"data", "logs"} {
		require.NoError(t, filepath.WalkDir(home.File(dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			files++
			if info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %s", path, info.Mode())
			}
			return nil
		}))
	}
	require.Greater(t, files, 2)
}

// section returns a page's text from a heading to the next of its level or a
// higher one.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, "\n"+heading+"\n")
	require.True(t, found, heading)
	level := strings.Count(strings.Fields(heading)[0], "#")
	end := regexp.MustCompile(fmt.Sprintf(`(?m)^#{1,%d} `, level)).FindStringIndex(rest)
	if end != nil {
		rest = rest[:end[0]]
	}
	return rest
}

var codeInCell = regexp.MustCompile("`([^`]+)`")

// tableNames returns the names in the first column of a section's tables.
func tableNames(text string) []string {
	var names []string
	for line := range strings.SplitSeq(text, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 3 || !strings.HasPrefix(line, "|") {
			continue
		}
		if strings.Contains(cells[1], " to ") {
			names = append(names, strings.TrimSpace(strings.ReplaceAll(cells[1], "`", "")))
			continue
		}
		for _, found := range codeInCell.FindAllStringSubmatch(cells[1], -1) {
			names = append(names, found[1])
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "/") })
}

// expandClasses writes out "a_1xx_b to a_5xx_b".
func expandClasses(names []string) []string {
	var all []string
	for _, name := range names {
		first, _, found := strings.Cut(name, " to ")
		if !found {
			all = append(all, name)
			continue
		}
		for class := '1'; class <= '5'; class++ {
			all = append(all, strings.Replace(first, "1xx", string(class)+"xx", 1))
		}
	}
	return all
}

// flatten returns the dotted paths of a JSON object's values. A histogram is one
// value.
func flatten(object map[string]any) []string {
	var names []string
	for key, value := range object {
		below, ok := value.(map[string]any)
		if !ok || key == "histogram" {
			names = append(names, key)
			continue
		}
		for _, name := range flatten(below) {
			names = append(names, key+"."+name)
		}
	}
	return names
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().(*net.TCPAddr).Port
}

func get(port int, path string, into any) error {
	response, err := http.Get(fmt.Sprintf("http://localhost:%d%s", port, path))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}
