// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zapcore"

	"github.com/elastic/beats/v7/libbeat/statestore/backend"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/logp/logptest"
	"github.com/elastic/elastic-agent-libs/paths"
)

const testKey = "threatq::one::https://threatq.example.com 0123456789abcdef"

type savedState struct{ Cursor map[string]any }

func saveMark(t *testing.T, s *Store, mark string) {
	t.Helper()
	require.NoError(t, s.opened.Set(testKey, savedState{map[string]any{"mark": mark}}))
}

// savedMark returns the mark, "" when there is none.
func savedMark(t *testing.T, s *Store) string {
	t.Helper()
	found, err := s.opened.Has(testKey)
	require.NoError(t, err)
	if !found {
		return ""
	}
	var st savedState
	require.NoError(t, s.opened.Get(testKey, &st))
	mark, _ := st.Cursor["mark"].(string)
	return mark
}

func writeFile(text string) func(t *testing.T, path string) {
	return func(t *testing.T, path string) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
}

func cut(bytes int64) func(t *testing.T, path string) {
	return func(t *testing.T, path string) {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.NoError(t, os.Truncate(path, max(0, info.Size()-bytes)))
	}
}

func remove(t *testing.T, path string) { require.NoError(t, os.RemoveAll(path)) }

func directory(t *testing.T, path string) {
	remove(t, path)
	require.NoError(t, os.MkdirAll(filepath.Join(path, "not empty"), 0o700))
}

// A damaged registry is repaired or started over with a warning, and works from
// then on. It never keeps threatqbeat from starting.
func TestDamagedRegistry(t *testing.T) {
	const last, before = "third", "second" // these are in the log, the first in the checkpoint
	tests := map[string]struct {
		file   string
		damage func(t *testing.T, path string)
		want   string
		aside  bool
		silent bool
	}{
		"nothing":                       {file: "log.json", damage: func(*testing.T, string) {}, want: last, silent: true},
		"log cut by a byte":             {file: "log.json", damage: cut(1), want: last, silent: true}, // the line's end
		"log cut by a few":              {file: "log.json", damage: cut(5), want: before},
		"log is garbage":                {file: "log.json", damage: writeFile("\x00\xff garbage {"), want: "first"},
		"log with a strange operation":  {file: "log.json", damage: writeFile("{\"op\":\"swap\",\"id\":2}\n{}\n"), want: "first"},
		"log with null":                 {file: "log.json", damage: writeFile("null\nnull\n"), want: "first"},
		"log from another time":         {file: "log.json", damage: writeFile("{\"op\":\"set\",\"id\":99}\n{\"k\":\"a\",\"v\":{}}\n"), want: "first"},
		"log is empty":                  {file: "log.json", damage: writeFile(""), want: "first", silent: true},
		"log is gone":                   {file: "log.json", damage: remove, want: "first", silent: true},
		"log is a directory":            {file: "log.json", damage: directory, aside: true},
		"meta is empty":                 {file: "meta.json", damage: writeFile(""), aside: true},
		"meta is garbage":               {file: "meta.json", damage: writeFile("\x00\x00"), aside: true},
		"meta is of another version":    {file: "meta.json", damage: writeFile(`{"version":"9"}`), aside: true},
		"meta is gone":                  {file: "meta.json", damage: remove, aside: true},
		"meta is a directory":           {file: "meta.json", damage: directory, aside: true},
		"checkpoint is empty":           {file: "checkpoint", damage: writeFile(""), want: last},
		"checkpoint is cut":             {file: "checkpoint", damage: cut(5), want: last},
		"checkpoint is garbage":         {file: "checkpoint", damage: writeFile("[{]"), want: last},
		"checkpoint of numbers":         {file: "checkpoint", damage: writeFile("[1,2]"), want: last},
		"checkpoint is a directory":     {file: "checkpoint", damage: directory, aside: true},
		"marker is a directory":         {file: "active.dat", damage: directory, aside: true},
		"checkpoint left half":          {file: "checkpoint.new", damage: writeFile("[{"), want: last, silent: true},
		"half checkpoint, a directory":  {file: "checkpoint.new", damage: directory, aside: true},
		"half marker, a directory":      {file: "active.dat.new", damage: directory, aside: true},
		"a file in the place of it all": {file: ".", damage: func(t *testing.T, path string) { remove(t, path); writeFile("x")(t, path) }, aside: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := defaults(t)
			p := &paths.Path{Data: t.TempDir()}
			home := filepath.Join(Root(cfg, p), "threatqbeat")
			s, err := Open(logp.NewNopLogger(), cfg, p)
			require.NoError(t, err)
			saveMark(t, s, "first")
			s.Close()
			s, err = Open(logp.NewNopLogger(), cfg, p)
			require.NoError(t, err)
			saveMark(t, s, before)
			saveMark(t, s, last)
			s.Close()

			if tt.file == "checkpoint" {
				tt.file = dataFile(t, home)
			}
			tt.damage(t, filepath.Join(home, tt.file))
			log, logs := logptest.NewTestingLoggerWithObserver(t, "")
			s, err = Open(log, cfg, p)
			require.NoError(t, err)
			assert.Equal(t, tt.want, savedMark(t, s))
			var warnings []string
			for _, line := range logs.FilterLevelExact(zapcore.WarnLevel).All() {
				warnings = append(warnings, line.Message)
			}
			if tt.silent {
				assert.Empty(t, warnings)
			} else {
				assert.NotEmpty(t, warnings)
			}
			asides, err := filepath.Glob(home + ".damaged-*")
			require.NoError(t, err)
			if tt.aside {
				assert.Len(t, asides, 1, "what was there is kept")
				assert.Contains(t, strings.Join(warnings, "\n"), "collected from its start")
			} else {
				assert.Empty(t, asides)
			}

			// It is whole again.
			saveMark(t, s, "new")
			saveMark(t, s, "newest")
			s.Close()
			log, logs = logptest.NewTestingLoggerWithObserver(t, "")
			s, err = Open(log, cfg, p)
			require.NoError(t, err)
			defer s.Close()
			assert.Equal(t, "newest", savedMark(t, s))
			assert.Zero(t, logs.FilterLevelExact(zapcore.WarnLevel).Len())
		})
	}
}

// dataFile is memlog's latest checkpoint.
func dataFile(t *testing.T, home string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(home, "[0-9]*.json"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	return filepath.Base(files[0])
}

// What is no registry at all is refused with what to do, because it may be somebody
// else's.
func TestRegistryPathIsAFile(t *testing.T) {
	cfg := defaults(t)
	p := &paths.Path{Data: t.TempDir()}
	require.NoError(t, os.WriteFile(Root(cfg, p), []byte("mine"), 0o600))
	_, err := Open(logp.NewNopLogger(), cfg, p)
	require.ErrorContains(t, err, "threatqbeat.registry.path names "+Root(cfg, p)+", which is no directory")
	text, err := os.ReadFile(Root(cfg, p))
	require.NoError(t, err)
	assert.Equal(t, "mine", string(text))
}

// A place that can't be looked at is refused as well.
func TestRegistryCannotBeLookedAt(t *testing.T) {
	cfg := defaults(t)
	p := &paths.Path{Data: t.TempDir()}
	require.NoError(t, os.MkdirAll(Root(cfg, p), 0o700))
	home := filepath.Join(Root(cfg, p), "threatqbeat")
	if err := os.Symlink(home, home); err != nil {
		t.Skip("no symbolic links:", err)
	}
	_, err := Open(logp.NewNopLogger(), cfg, p)
	require.ErrorContains(t, err, "threatqbeat.registry.path must name a directory that can be read and written")
}

// full is a store whose log can't be written.
type full struct {
	backend.Store
	values      map[string]any
	checkpoints int
	err         error // of a checkpoint
}

var errFull = errors.New("no space left on device")

func (f *full) Set(key string, value any) error { f.values[key] = value; return errFull }
func (f *full) Remove(key string) error         { delete(f.values, key); return errFull }
func (f *full) Checkpoint() error               { f.checkpoints++; return f.err }

func TestCursorsAreSavedAnewWhenTheirLogIsBroken(t *testing.T) {
	f := &full{values: map[string]any{}}
	var saved []error
	s := repairingStore{f, func(_ string, err error) { saved = append(saved, err) }}
	require.NoError(t, s.Set("a", savedState{map[string]any{"mark": "x"}}))
	require.NoError(t, s.Remove("a"))
	assert.Equal(t, 2, f.checkpoints)

	f.err = errors.New("still no space")
	err := s.Set("a", savedState{})
	require.ErrorIs(t, err, errFull)
	require.ErrorContains(t, err, "still no space")
	assert.NotContains(t, err.Error(), "\n", "the health shows it on one line")
	assert.Equal(t, []error{nil, err}, saved)

	f.checkpoints = 0
	require.Error(t, s.Set("a", map[string]any{"x": make(chan int)}))
	assert.Zero(t, f.checkpoints, "what can't be encoded")
}
