// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beattest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// waitLimit bounds every wait of this package. It is far above what anything
// takes on a machine of two cores that runs other tests as well.
const waitLimit = Slowness * 2 * time.Minute

// Dir is the home of a Beat: configuration, data, logs and events.
type Dir struct {
	Path string
	// Env is added to the environment of each process, as KEY=value.
	Env []string
	tb  testing.TB

	linesMu   sync.Mutex
	lines     int
	linesRead map[string]int64 // bytes whose lines are counted, by file
}

// NewDir returns an empty home.
func NewDir(tb testing.TB) *Dir {
	tb.Helper()
	return &Dir{Path: tb.TempDir(), tb: tb, linesRead: map[string]int64{}}
}

// File returns the path of a file of the home.
func (d *Dir) File(name ...string) string {
	return filepath.Join(append([]string{d.Path}, name...)...)
}

// Input returns the configuration of a threatq input; settings are added to it
// or replace what it has.
func Input(id, url, collection, clientID, clientSecret string, settings map[string]any) map[string]any {
	input := map[string]any{
		"type": "threatq", "id": id, "url": url, "data_collection_id": collection,
		"auth.oauth2.client.id": clientID, "auth.oauth2.client.secret": clientSecret,
		"interval": "1s",
	}
	for key, value := range settings {
		input[key] = value
	}
	return input
}

// Configure writes threatqbeat.yml: the settings over those that every test
// wants, which are a file output in events/ and a log at debug level in logs/.
func (d *Dir) Configure(settings map[string]any) {
	d.tb.Helper()
	cfg := map[string]any{
		"output.file": map[string]any{"path": d.File("events"), "filename": "events", "rotate_every_kb": 8 << 20, "rotate_on_startup": false},
		// Libbeat's 10 s would make each test wait for its last events.
		"queue.mem.flush.timeout": "100ms",
		"logging":                 map[string]any{"level": "debug", "to_files": true, "to_stderr": false, "metrics.enabled": false},
	}
	for key, value := range settings {
		if key == "output" {
			delete(cfg, "output.file")
		}
		cfg[key] = value
	}
	d.Write("threatqbeat.yml", cfg)
}

// Write writes a YAML file of the home.
func (d *Dir) Write(name string, content any) {
	d.tb.Helper()
	text, err := yaml.Marshal(content)
	if err != nil {
		d.tb.Fatalf("encoding %s: %s", name, err)
	}
	file := d.File(name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		d.tb.Fatal(err)
	}
	// Renamed into place, because a file that is followed must never be seen half.
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		d.tb.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		d.tb.Fatal(err)
	}
}

// Event is one event of the file output.
type Event map[string]any

// Get returns the value at a dotted path, nil when there is none.
func (e Event) Get(path string) any {
	var at any = map[string]any(e)
	for _, key := range strings.Split(path, ".") {
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = object[key]
	}
	return at
}

// Events reads what the file output has written so far, in order. A line that is being
// written, or that a kill cut short, can't be read: its indicator was never acknowledged.
func (d *Dir) Events() []Event {
	d.tb.Helper()
	return d.read("events", "*")
}

// Lines counts the lines that the file output has written so far. It reads what
// is new since the last call, because tests ask again and again.
func (d *Dir) Lines() int {
	d.linesMu.Lock()
	defer d.linesMu.Unlock()
	files, _ := filepath.Glob(d.File("events", "*"))
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			continue
		}
		if _, err := file.Seek(d.linesRead[name], io.SeekStart); err == nil {
			text, _ := io.ReadAll(file)
			d.linesRead[name] += int64(len(text))
			d.lines += bytes.Count(text, []byte{'\n'})
		}
		_ = file.Close()
	}
	return d.lines
}

// Logs returns the lines of the Beat's log files.
func (d *Dir) Logs() []Event {
	d.tb.Helper()
	return d.read("logs", "*.ndjson")
}

// read returns the lines of files that can be read as JSON objects.
func (d *Dir) read(pattern ...string) []Event {
	d.tb.Helper()
	files, err := filepath.Glob(d.File(pattern...)) // sorted
	if err != nil {
		d.tb.Fatal(err)
	}
	var lines []Event
	for _, name := range files {
		text, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue // rotated away just now
		}
		if err != nil {
			d.tb.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			var entry Event
			if json.Unmarshal(line, &entry) == nil {
				lines = append(lines, entry)
			}
		}
	}
	return lines
}

// LogMessages returns the messages logged at a level.
func (d *Dir) LogMessages(level string) []string {
	var messages []string
	for _, line := range d.Logs() {
		if line.Get("log.level") == level || line["log.level"] == level {
			message, _ := line["message"].(string)
			messages = append(messages, message)
		}
	}
	return messages
}

// lastOfLog returns the last lines above debug level, for the report of a failure.
func (d *Dir) lastOfLog() string {
	const most = 20
	var lines []string
	for _, line := range d.Logs() {
		if level := line["log.level"]; level != "debug" {
			lines = append(lines, fmt.Sprint(line["@timestamp"], " ", level, " ", line["message"]))
		}
	}
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}

// Process is a running threatqbeat.
type Process struct {
	tb     testing.TB
	dir    *Dir
	cmd    *exec.Cmd
	exited chan struct{}
	output *Buffer
}

// Start runs threatqbeat with the home as its path.home. It is killed at the
// test's end at the latest.
func (d *Dir) Start(args ...string) *Process {
	d.tb.Helper()
	return d.StartWithInput(nil, args...)
}

// StartWithInput is Start with something to read on standard input; nil is
// nothing.
func (d *Dir) StartWithInput(stdin io.Reader, args ...string) *Process {
	d.tb.Helper()
	cmd := exec.Command(Binary(d.tb), append(args, "--path.home", d.Path, "--strict.perms=false")...)
	cmd.Dir = d.Path
	cmd.Env = append(os.Environ(), d.Env...)
	cmd.Stdin = stdin
	p := &Process{tb: d.tb, dir: d, cmd: cmd, exited: make(chan struct{}), output: &Buffer{}}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	if err := cmd.Start(); err != nil {
		d.tb.Fatalf("starting threatqbeat: %s", err)
	}
	go func() {
		defer close(p.exited)
		_ = cmd.Wait()
	}()
	d.tb.Cleanup(p.Kill)
	return p
}

// Run runs threatqbeat to its end.
func (d *Dir) Run(args ...string) (output string, exitCode int) {
	d.tb.Helper()
	p := d.Start(args...)
	exitCode = p.Wait()
	return p.Output(), exitCode
}

// Signal sends a signal.
func (p *Process) Signal(sig os.Signal) {
	p.tb.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.tb.Fatalf("signalling threatqbeat: %s", err)
	}
}

// Stop sends SIGTERM, waits for the end, and fails the test when the exit code
// is not 0.
func (p *Process) Stop() {
	p.tb.Helper()
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(); code != 0 {
		p.tb.Fatalf("threatqbeat ended with %d:\n%s", code, p.Output())
	}
}

// Kill sends SIGKILL and waits for the end.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// Wait waits for the end and returns the exit code.
func (p *Process) Wait() int {
	p.tb.Helper()
	select {
	case <-p.exited:
	case <-time.After(waitLimit):
		p.tb.Fatalf("threatqbeat did not end within %s:\n%s", waitLimit, p.Output())
	}
	return p.cmd.ProcessState.ExitCode()
}

// Exited tells whether the process has ended.
func (p *Process) Exited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Output is what the process has written to standard output and error.
func (p *Process) Output() string { return p.output.String() }

// Eventually waits until the condition holds, and fails the test when it takes
// too long or, unless it may, the process ends before.
func (p *Process) Eventually(what string, condition func() bool) {
	p.tb.Helper()
	deadline := time.Now().Add(waitLimit)
	for !condition() {
		if p.Exited() && !condition() {
			p.tb.Fatalf("threatqbeat ended (%d) before %s:\n%s", p.cmd.ProcessState.ExitCode(), what, p.Output())
		}
		if time.Now().After(deadline) {
			p.tb.Fatalf("%s did not happen within %s:\n%s\nlast in the log:\n%s", what, waitLimit, p.Output(), p.dir.lastOfLog())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Buffer is written by a process and read by the test.
type Buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String returns what was written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
