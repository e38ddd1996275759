// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/config"
)

// traceLines reads all trace files below a directory.
func traceLines(t testing.TB, dir string) (lines []map[string]any, files []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files = append(files, path)
		return nil
	}))
	for _, path := range files {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
			var entry map[string]any
			require.NoError(t, json.Unmarshal([]byte(line), &entry), "%s", line)
			lines = append(lines, entry)
		}
	}
	return lines, files
}

func TestTracer(t *testing.T) {
	dir := t.TempDir()
	a := newAppliance(t,
		func(w http.ResponseWriter, r *http.Request) {
			// An appliance that repeats what it was sent.
			w.Header().Set("Set-Cookie", "session=hunter22")
			w.Header().Set("X-Echo", r.Header.Get("Authorization"))
			fmt.Fprintf(w, `{"data": [{"echo": %q}], "nextCursorMark": "n"}`, r.Header.Get("Authorization"))
		},
		status(403),
		says(`{"data": ["`+strings.Repeat("a", 3*maxTraceBody)+`"]}`),
	)
	a.token = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "session=hunter22")
		form(w, r)
	}
	cfg := a.config()
	cfg.ID = "threatq-default"
	cfg.Request.Tracer.Enabled = true
	c, logs, _ := newClientWith(t, cfg, Options{LogsDir: dir})
	require.NoError(t, read(c))
	require.Error(t, read(c))
	require.NoError(t, read(c))
	c.Close()
	require.NoError(t, read(c), "what is still running after Close is not written")
	assert.Equal(t, 1, logs.FilterMessageSnippet("The request tracer is on").Len())

	lines, files := traceLines(t, dir)
	require.Len(t, files, 1)
	assert.True(t, strings.HasPrefix(files[0], filepath.Join(dir, "threatq", "http-request-trace-threatq-default-")), files[0])
	assert.True(t, strings.HasSuffix(files[0], ".ndjson"), files[0])
	if runtime.GOOS != "windows" {
		info, err := os.Stat(files[0])
		require.NoError(t, err)
		assert.EqualValues(t, 0o600, info.Mode().Perm())
	}

	require.Len(t, lines, 5, "two tokens, three pages")
	raw, err := os.ReadFile(files[0])
	require.NoError(t, err)
	for _, secret := range []string{"hunter22", "a-token", testSecret, "s3cr3t", "YXBpLWNsaWVudD"} {
		assert.NotContains(t, string(raw), secret)
	}
	token, page, refused, big := lines[1], lines[2], lines[3], lines[4]
	assert.Equal(t, "POST", token["http.request.method"])
	assert.Equal(t, a.URL+"/api/token", token["url.full"])
	assert.Equal(t, config.Redacted, token["http.request.body.content"])
	assert.Equal(t, config.Redacted, token["http.response.body.content"])
	assert.EqualValues(t, 200, token["http.response.status_code"])
	assert.Equal(t, "GET", page["http.request.method"])
	assert.Contains(t, page["url.full"], "cursorMark=abc")
	assert.Equal(t, `{"data": [{"echo": "Bearer xxxxx"}], "nextCursorMark": "n"}`, page["http.response.body.content"])
	assert.Equal(t, []any{config.Redacted}, page["http.request.headers"].(map[string]any)["Authorization"])
	assert.Equal(t, []any{config.Redacted}, page["http.response.headers"].(map[string]any)["Set-Cookie"])
	assert.Equal(t, []any{"Bearer xxxxx"}, page["http.response.headers"].(map[string]any)["X-Echo"])
	assert.Equal(t, false, page["http.response.body.truncated"])
	assert.EqualValues(t, 403, refused["http.response.status_code"])
	assert.Equal(t, `{"errors": "status 403"}`, refused["http.response.body.content"])
	assert.Len(t, big["http.response.body.content"], maxTraceBody)
	assert.Equal(t, true, big["http.response.body.truncated"])
	assert.Positive(t, big["event.duration"])
}

func TestTracerOffByDefault(t *testing.T) {
	dir := t.TempDir()
	a := newAppliance(t, says(onePage))
	c, _, _ := newClientWith(t, a.config(), Options{LogsDir: dir})
	require.NoError(t, read(c))
	c.Close()
	_, files := traceLines(t, dir)
	assert.Empty(t, files)
}

func TestTracerRotates(t *testing.T) {
	dir := t.TempDir()
	a := newAppliance(t, says(`{"data": ["`+strings.Repeat("\x01", maxTraceBody)+`"]}`))
	cfg := a.config()
	cfg.Request.Retry.MaxAttempts = 1
	cfg.Request.Tracer = config.RequestTracer{Enabled: true, Filename: "trace-*.log", Maxsize: 1, Maxbackups: 2}
	c, _, _ := newClientWith(t, cfg, Options{LogsDir: dir})
	for range 50 {
		page, _ := c.Page(background, "abc")
		page.Release()
	}
	c.Close()
	_, files := traceLines(t, dir)
	assert.Len(t, files, 3, "the file and its backups")
	for _, path := range files {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.LessOrEqual(t, info.Size(), int64(1<<20+128<<10), "at most a line more")
		assert.Equal(t, ".log", filepath.Ext(path))
		if runtime.GOOS != "windows" {
			assert.EqualValues(t, 0o600, info.Mode().Perm())
		}
	}
}

// A trace that can't be written costs a warning and no page.
func TestTracerBroken(t *testing.T) {
	dir := t.TempDir()
	a := newAppliance(t, says(onePage))
	cfg := a.config()
	cfg.Request.Tracer.Enabled = true
	cfg.Request.Tracer.Filename = "threatq/trace.ndjson"
	c, logs, _ := newClientWith(t, cfg, Options{LogsDir: dir})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "threatq"), nil, 0o600))
	require.NoError(t, read(c))
	require.NoError(t, read(c))
	assert.Equal(t, 1, logs.FilterMessageSnippet("can't write its file").Len())
}

func TestTraceFile(t *testing.T) {
	dir := t.TempDir()
	logs := filepath.Join(dir, "logs")
	require.NoError(t, os.Mkdir(logs, 0o700))
	outside := filepath.Join(dir, "outside")
	require.NoError(t, os.Mkdir(outside, 0o700))
	require.NoError(t, os.Symlink(outside, filepath.Join(logs, "away")))
	require.NoError(t, os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(logs, "dangling")))
	require.NoError(t, os.Symlink(logs, filepath.Join(dir, "alias")))
	for name, test := range map[string]struct {
		filename string
		want     string // below logs; "" for a refusal
		text     string // of the refusal
	}{
		"default":             {"", "threatq/http-request-trace-threatq-1-3d783194.ndjson", ""},
		"relative":            {"trace.ndjson", "trace.ndjson", ""},
		"relative, new dir":   {"a/b/trace.ndjson", "a/b/trace.ndjson", ""},
		"with the id":         {"t/*.ndjson", "t/threatq-1-3d783194.ndjson", ""},
		"absolute":            {filepath.Join(logs, "trace.ndjson"), "trace.ndjson", ""},
		"there and back":      {"a/../trace.ndjson", "trace.ndjson", ""},
		"looks like going up": {"..trace.ndjson", "..trace.ndjson", ""},
		"up":                  {"../trace.ndjson", "", "which lies outside of the logs directory: set it to a path below"},
		"up, absolute":        {filepath.Join(logs, "../trace.ndjson"), "", "which lies outside of the logs directory"},
		"elsewhere":           {"/etc/trace.ndjson", "", "which lies outside of the logs directory"},
		"a neighbour":         {logs + "-other/trace.ndjson", "", "which lies outside of the logs directory"},
		"the directory":       {logs, "", "which lies outside of the logs directory"},
		"through a link":      {"away/trace.ndjson", "", "which lies outside of the logs directory"},
		"a dangling link":     {"dangling", "", "whose links can't be followed"},
		"control characters":  {"a\x00b", "", "which holds characters that don't belong into a file name"},
		"a pattern":           {"trace-[a]?.ndjson", "", "which holds characters that don't belong into a file name"},
	} {
		t.Run(name, func(t *testing.T) {
			path, err := TraceFile(logs, test.filename, "threatq/1")
			if test.want == "" {
				require.ErrorContains(t, err, "request.tracer.filename is ")
				require.ErrorContains(t, err, test.text)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, filepath.Join(logs, test.want), path)
		})
	}
	path, err := TraceFile(filepath.Join(dir, "alias"), "trace.ndjson", "")
	require.NoError(t, err, "the logs directory may be a link itself")
	assert.Equal(t, filepath.Join(dir, "alias", "trace.ndjson"), path)

	cfg := testConfig("https://threatq.example.com")
	cfg.Request.Tracer.Enabled, cfg.Request.Tracer.Filename = true, "../x"
	_, err = New(cfg, logp.NewNopLogger(), Options{LogsDir: logs})
	require.ErrorContains(t, err, "request.tracer.filename is ")
}

// Ids that look alike, or begin alike, have files of their own.
func TestTraceFileIDs(t *testing.T) {
	seen := map[string]string{}
	for _, id := range []string{"a", "a-b", "a b", "a/b", "A", "", "ä", strings.Repeat("x", 300), strings.Repeat("x", 301)} {
		name := fileID(id)
		assert.Empty(t, seen[name], "%q and %q", seen[name], id)
		seen[name] = id
		assert.Less(t, len(name), 120)
		assert.NotContains(t, name, "/")
	}
}
