// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

func TestDemo(t *testing.T) {
	t.Parallel()
	dir := beattest.NewDir(t)
	output, code := dir.Run("demo")
	require.Zero(t, code, output)
	assert.Contains(t, output, "Next: ")
	assert.Contains(t, output, "`threatqbeat test input`")

	const file = "threatqbeat-demo.ndjson"
	text, err := os.ReadFile(dir.File(file))
	require.NoError(t, err)
	assert.Equal(t, 10_000+10+10, bytes.Count(text, []byte{'\n'}))
	assert.Contains(t, output, "Then 10 left the data collection and 10 joined it, without being updated. One sweep later the file agrees with the appliance.")
	assert.Contains(t, output, "10  expired: Expiration set since ThreatQ's data collection no longer holds the indicator")

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
		assert.Equal(t, 10_010, count)
		assert.Equal(t, count, sum, "rows of table %d", tables)
		sum = 0
		tables++
	}
	assert.Equal(t, 2, tables)

	// The README shows it, with the numbers of one day.
	root, err := beattest.Root()
	require.NoError(t, err)
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	_, shown, found := strings.Cut(string(readme), "```text\n")
	require.True(t, found)
	shown, _, _ = strings.Cut(shown, "```")
	shown = strings.ReplaceAll(shown, "...", "")
	number := regexp.MustCompile(`(?m)^ *\d* +`)
	said := number.ReplaceAllString(output, "")
	for line := range strings.Lines(number.ReplaceAllString(shown, "")) {
		assert.Contains(t, said, line)
	}

	// Git ignores what a demo in the repository leaves behind.
	left, err := os.ReadDir(dir.Path)
	require.NoError(t, err)
	require.Len(t, left, 1)
	assert.Equal(t, file, left[0].Name())
	ignored, err := os.ReadFile(filepath.Join(root, ".gitignore"))
	require.NoError(t, err)
	assert.Contains(t, strings.Split(string(ignored), "\n"), "/"+file)
}

// The demo does not touch an installed beat's data directory, whose keystore may
// be somebody else's.
func TestDemoLeavesTheDataDirectoryAlone(t *testing.T) {
	t.Parallel()
	dir := beattest.NewDir(t)
	dir.Write("data/threatqbeat.keystore", "no keystore")
	output, code := dir.Run("demo", "--indicators", "10", "-o", dir.File("demo.ndjson"), "--path.data", dir.File("data"))
	require.Zero(t, code, output)
}

func TestDemoRefusesNoIndicators(t *testing.T) {
	t.Parallel()
	dir := beattest.NewDir(t)
	output, code := dir.Run("demo", "--indicators", "0")
	assert.Equal(t, 1, code)
	assert.Contains(t, output, "--indicators is 0")
}
