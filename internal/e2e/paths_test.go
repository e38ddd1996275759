// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

// What means something in a setting means nothing in the name of a directory.
func TestNamesOfTheHome(t *testing.T) {
	t.Parallel()
	const indicators = 20
	for _, name := range []string{"a,b", "a: {b}", " a ", "7", "true", `"a"`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim := startAppliance(t, tidy(indicators))
			dir := beattest.NewDir(t)
			dir.Path = dir.File(name)
			require.NoError(t, os.Mkdir(dir.Path, 0o700))
			dir.Configure(map[string]any{"threatqbeat.inputs": []any{sim.input("one", nil)}})
			beat := dir.Start("run")
			beat.Eventually("the collection", func() bool { return dir.Lines() >= indicators })
			beat.Stop()
			assert.DirExists(t, dir.File("data", "registry"))
			assert.DirExists(t, dir.File("logs"))
		})
	}
}

// But for a pattern, by which Libbeat looks for its own files.
func TestHomeThatIsAPattern(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	dir := beattest.NewDir(t)
	dir.Path = dir.File("a[b")
	require.NoError(t, os.Mkdir(dir.Path, 0o700))
	sim := startAppliance(t, tidy(1))
	dir.Configure(map[string]any{"threatqbeat.inputs": []any{sim.input("one", nil)}, "output": map[string]any{"console.enabled": true}, "output.file.enabled": false})
	output, code := dir.Run("run")
	assert.Equal(t, 1, code)
	assert.Contains(t, output, "it must have none of * ? [")
}
