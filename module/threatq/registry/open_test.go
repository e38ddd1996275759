// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp/logptest"
	"github.com/elastic/elastic-agent-libs/paths"

	"github.com/threatqbeat/threatqbeat/config"
)

func testPaths(t *testing.T) *paths.Path {
	t.Helper()
	p := paths.New()
	require.NoError(t, p.InitPaths(&paths.Path{Home: t.TempDir()}))
	return p
}

func defaults(t *testing.T) config.Registry {
	t.Helper()
	cfg, err := config.ReadBeat(conf.NewConfig())
	require.NoError(t, err)
	return cfg.Registry
}

// A registry is opened whatever became of its files: what can be read is kept,
// what can't is put aside.
func TestOpenStoreAfterDamage(t *testing.T) {
	type kept bool
	tests := map[string]struct {
		damage func(t *testing.T, home string)
		kept   kept
	}{
		"none": {func(*testing.T, string) {}, true},
		"meta file with garbage": {func(t *testing.T, home string) {
			require.NoError(t, os.WriteFile(filepath.Join(home, "meta.json"), []byte("\x00\x00"), 0o600))
		}, false},
		"meta file empty": {func(t *testing.T, home string) {
			require.NoError(t, os.Truncate(filepath.Join(home, "meta.json"), 0))
		}, false},
		"meta file missing": {func(t *testing.T, home string) {
			require.NoError(t, os.Remove(filepath.Join(home, "meta.json")))
		}, false},
		"meta file of another version": {func(t *testing.T, home string) {
			require.NoError(t, os.WriteFile(filepath.Join(home, "meta.json"), []byte(`{"version":"999"}`), 0o600))
		}, false},
		"log with a torn end": {func(t *testing.T, home string) {
			file, err := os.OpenFile(filepath.Join(home, "log.json"), os.O_APPEND|os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = file.WriteString(`{"op":"set","id":`)
			require.NoError(t, err)
			require.NoError(t, file.Close())
		}, true},
		"log with garbage": {func(t *testing.T, home string) {
			require.NoError(t, os.WriteFile(filepath.Join(home, "log.json"), []byte("garbage"), 0o600))
		}, false},
		"a file in place of the directory": {func(t *testing.T, home string) {
			require.NoError(t, os.RemoveAll(home))
			require.NoError(t, os.WriteFile(home, nil, 0o600))
		}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			log := logptest.NewTestingLogger(t, "")
			p := testPaths(t)
			cfg := defaults(t)
			s, err := Open(log, cfg, p)
			require.NoError(t, err)
			store, err := s.StoreFor("threatq")
			require.NoError(t, err)
			require.NoError(t, store.Set("key", map[string]any{"mark": "m"}))
			require.NoError(t, store.Close())
			s.Close()

			tt.damage(t, filepath.Join(Root(cfg, p), "threatqbeat"))

			// Twice: a start after the repair must find nothing to repair.
			for range 2 {
				s, err = Open(log, cfg, p)
				require.NoError(t, err)
				store, err = s.StoreFor("threatq")
				require.NoError(t, err)
				has, err := store.Has("key")
				require.NoError(t, err)
				assert.Equal(t, bool(tt.kept), has)
				require.NoError(t, store.Set("other", map[string]any{"mark": "n"}))
				require.NoError(t, store.Close())
				s.Close()
			}
		})
	}
}

// memlog finds no checkpoint below a directory whose name it reads as a pattern, and
// would begin anew at each start.
func TestOpenBelowAPattern(t *testing.T) {
	for _, name := range []string{"a[b]c", "a[b", "a*", "a?"} {
		p := &paths.Path{Data: filepath.Join(t.TempDir(), name)}
		_, err := Open(logptest.NewTestingLogger(t, ""), defaults(t), p)
		require.ErrorContains(t, err, "threatqbeat.registry.path is "+Root(defaults(t), p)+": ")
		assert.NoDirExists(t, p.Data)
	}
}
