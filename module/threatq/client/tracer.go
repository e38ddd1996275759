// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/elastic/elastic-agent-libs/file"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/config/secrets"
)

const (
	defaultTraceFile = "threatq/http-request-trace-*.ndjson"
	// maxTraceBody bounds how much of a page is written, in bytes.
	maxTraceBody = 16 << 10
	// maxTraceHeader bounds the values of a header that are written, in bytes.
	maxTraceHeader = 512
	// maxTraceHeaders bounds the headers of one message that are written.
	maxTraceHeaders = 64
)

// TraceFile returns the path that request.tracer.filename stands for, without
// the date that is added to it, and refuses one outside of the logs directory
// (after symbolic links). A relative path begins there; when there is none, a
// file in the directory threatq is meant. An asterisk stands for the input's id.
func TraceFile(logsDir, filename, inputID string) (string, error) {
	if filename == "" {
		filename = defaultTraceFile
	}
	path := strings.ReplaceAll(filename, "*", fileID(inputID))
	if strings.ContainsFunc(path, unicode.IsControl) || strings.ContainsAny(path, "[]?") {
		return "", fmt.Errorf("request.tracer.filename is %q, which holds characters that don't belong into a file name", config.Shorten(filename))
	}
	root, err := filepath.Abs(logsDir)
	if err != nil {
		return "", fmt.Errorf("finding the logs directory %q: %w", logsDir, err)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(root, path)
	}
	path = filepath.Clean(path)
	realRoot, err := realPath(root)
	if err != nil {
		return "", fmt.Errorf("following the links of the logs directory %q: %w", root, err)
	}
	realFile, err := realPath(path)
	if err != nil {
		return "", fmt.Errorf("request.tracer.filename is %q, whose links can't be followed: %w", config.Shorten(filename), err)
	}
	inside, err := filepath.Rel(realRoot, realFile)
	if err != nil || inside == "." || !filepath.IsLocal(inside) {
		return "", fmt.Errorf("request.tracer.filename is %q, which lies outside of the logs directory: set it to a path below %q", config.Shorten(filename), root)
	}
	return path, nil
}

// fileID makes an input's id fit for a file name. The checksum keeps files
// apart whose ids look alike, or begin alike.
func fileID(id string) string {
	name := strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, id)
	return fmt.Sprintf("%.100s-%08x", name, crc32.ChecksumIEEE([]byte(id)))
}

// realPath follows symbolic links as far as the path exists.
func realPath(path string) (string, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if !os.IsNotExist(err) {
		return resolved, err
	}
	if target, err := os.Readlink(path); err == nil {
		return "", fmt.Errorf("the link leads to %q, which does not exist", target)
	}
	dir, base := filepath.Split(path)
	if parent := filepath.Clean(dir); parent != path {
		if resolved, err = realPath(parent); err != nil {
			return "", err
		}
		return filepath.Join(resolved, base), nil
	}
	return "", err
}

// tracer writes each request with its answer to a file, as a line of JSON.
type tracer struct {
	c     *Client
	count atomic.Uint64

	mu  sync.Mutex
	out *file.Rotator // nil once it is closed: writing would open a file again
	// broken is set when a line could not be written, so that a full disk is
	// logged once.
	broken bool
}

// newTracer returns the tracer of a Client, nil when it is off.
func newTracer(c *Client, logsDir string) (*tracer, error) {
	cfg := c.cfg.Request.Tracer
	if !cfg.Enabled {
		return nil, nil
	}
	path, err := TraceFile(logsDir, cfg.Filename, c.cfg.ID)
	if err != nil {
		return nil, err
	}
	extension := strings.TrimPrefix(filepath.Ext(path), ".")
	path = strings.TrimSuffix(path, "."+extension)
	if extension == "" {
		extension = "ndjson"
	}
	out, err := file.NewFileRotator(path,
		file.Extension(extension),
		file.MaxSizeBytes(uint(cfg.Maxsize)<<20),
		file.MaxBackups(uint(cfg.Maxbackups)),
		file.Permissions(0o600),
		file.RotateOnStartup(false),
	)
	if err != nil {
		return nil, fmt.Errorf("opening the trace file of request.tracer.filename: %w", err)
	}
	c.log.Warnw("The request tracer is on: it writes what the appliance answers. Switch it off when done with request.tracer.enabled: false",
		"file.path", path)
	return &tracer{c: c, out: out}, nil
}

func (t *tracer) close() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.out != nil {
		_ = t.out.Close()
		t.out = nil
	}
}

// write writes a request with its answer. A nil tracer, which is off, writes nothing.
func (t *tracer) write(r *record, bytes int64, duration time.Duration, problem string) {
	if t == nil {
		return
	}
	entry := map[string]any{
		"@timestamp":               r.start.UTC().Format(time.RFC3339Nano),
		"transaction.id":           strconv.FormatUint(t.count.Add(1), 10),
		"http.request.method":      r.req.Method,
		"url.full":                 secrets.Hide(r.req.URL.Redacted()),
		"http.request.headers":     headers(r.req.Header),
		"attempt":                  r.attempt,
		"event.duration":           duration.Nanoseconds(),
		"http.response.body.bytes": bytes,
	}
	if r.status > 0 {
		entry["http.response.status_code"] = r.status
		entry["http.response.headers"] = headers(r.header)
	}
	if r.call.token {
		entry["http.request.body.content"] = config.Redacted
	}
	switch {
	case r.call.token && bytes > 0:
		entry["http.response.body.content"] = config.Redacted
	case len(r.body) > 0:
		entry["http.response.body.content"] = secrets.Hide(strings.ToValidUTF8(string(r.body), "\ufffd"))
		entry["http.response.body.truncated"] = int64(len(r.body)) < bytes
	}
	if problem != "" {
		entry["error.message"] = problem
	}
	line, err := json.Marshal(entry)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.out == nil {
		return
	}
	if err == nil {
		_, err = t.out.Write(append(line, '\n'))
	}
	if err != nil && !t.broken {
		t.c.log.Warnw("The request tracer can't write its file", logp.Error(err))
	}
	t.broken = err != nil
}

// headers copies headers for the trace, without what must not be shown.
func headers(header http.Header) map[string][]string {
	out := make(map[string][]string, len(header))
	for name, values := range header {
		if len(out) == maxTraceHeaders {
			break
		}
		text := strings.Join(values, ", ")
		switch http.CanonicalHeaderKey(name) {
		case "Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie":
			text = config.Redacted
		}
		text = secrets.Hide(text)
		out[name[:min(len(name), 128)]] = []string{text[:min(len(text), maxTraceHeader)]}
	}
	return out
}
