// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

func TestDemo(t *testing.T) {
	t.Parallel()
	dir := beattest.NewDir(t)
	output, code := dir.Run("demo", "-o", dir.File("demo.ndjson"))
	require.Zero(t, code, output)

	text, err := os.ReadFile(dir.File("demo.ndjson"))
	require.NoError(t, err)
	assert.Equal(t, 10_000, bytes.Count(text, []byte{'\n'}))

	// Each table's rows add up to its last line.
	row := regexp.MustCompile(`(?m)^ *(\d+)  +(.+)$`)
	sum, tables := 0, 0
	for _, match := range row.FindAllStringSubmatch(output, -1) {
		count, err := strconv.Atoi(match[1])
		require.NoError(t, err)
		if match[2] != "in all" {
			sum += count
			continue
		}
		assert.Equal(t, 10_000, count)
		assert.Equal(t, count, sum, "rows of table %d", tables)
		sum = 0
		tables++
	}
	assert.Equal(t, 2, tables)

	left, err := filepath.Glob(dir.File(".threatqbeat-demo-*"))
	require.NoError(t, err)
	assert.Empty(t, left, "working directories left behind")
}

// An installed beat's data directory, whose keystore may be somebody else's, is
// none of the demo's business.
func TestDemoLeavesTheDataDirectoryAlone(t *testing.T) {
	t.Parallel()
	dir := beattest.NewDir(t)
	dir.Write("data/threatqbeat.keystore", "no keystore")
	output, code := dir.Run("demo", "--indicators", "10", "-o", dir.File("demo.ndjson"), "--path.data", dir.File("data"))
	require.Zero(t, code, output)
}

func TestDemoRefusesNoIndicators(t *testing.T) {
	dir := beattest.NewDir(t)
	output, code := dir.Run("demo", "--indicators", "0")
	assert.Equal(t, 1, code)
	assert.Contains(t, output, "--indicators is 0")
}
