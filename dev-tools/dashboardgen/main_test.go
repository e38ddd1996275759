// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const checkedIn = "../../module/threatq/assets/kibana/7"

// The files that are installed are the ones that the definitions give.
func TestCheckedInFilesAreCurrent(t *testing.T) {
	want, err := generate(definitionsYAML)
	require.NoError(t, err)
	got := map[string][]byte{}
	require.NoError(t, filepath.WalkDir(checkedIn, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(checkedIn, path)
		if err != nil {
			return err
		}
		got[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	}))
	for name := range got {
		assert.Contains(t, want, name, "no definition gives this file")
	}
	for name, content := range want {
		assert.Equal(t, string(content), string(got[name]), "%s is stale: run go generate ./module/threatq", name)
	}
}

// Whatever is in the folders from before is gone, so that a renamed dashboard leaves nothing behind.
func TestRunReplaces(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "dashboard", "old.json")
	require.NoError(t, os.MkdirAll(filepath.Dir(old), 0o755))
	require.NoError(t, os.WriteFile(old, []byte("{}"), 0o600))
	files, err := replace(dir)
	require.NoError(t, err)
	assert.NoFileExists(t, old)
	assert.Contains(t, files, "dashboard/threatq-overview.json")
	assert.Contains(t, files, "index-pattern/threatq-active-indicators.json")
}

func TestWrongDefinitionsAreRefused(t *testing.T) {
	_, err := generate([]byte("dashboards: [{id: x, rows: [{height: 1, panels: [{id: a, title: A, width: 47, shows: count}]}]}]"))
	require.EqualError(t, err, "dashboard x: the panels of row 0 are 47 columns wide instead of 48")
	_, err = generate([]byte("dashboards: [{id: x, rows: [{height: 1, panels: [{id: a, title: A, width: 48, shows: cuont}]}]}]"))
	assert.ErrorContains(t, err, "no panel shows cuont")
}
