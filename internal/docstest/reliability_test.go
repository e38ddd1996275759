// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package docstest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	testName = regexp.MustCompile(`\bTest[A-Z]\w*`)
	testFunc = regexp.MustCompile(`(?m)^func (Test[A-Z]\w*)\(`)
)

// Each fault and each output of docs/reliability.md names the tests that show what happens, and
// these tests exist.
func TestReliabilityPage(t *testing.T) {
	root, pages := load(t)
	index := slices.IndexFunc(pages, func(p page) bool { return p.name == "docs/reliability.md" })
	require.GreaterOrEqual(t, index, 0)
	existing := testsOf(t, root)
	rows := 0
	for i, line := range strings.Split(pages[index].text, "\n") {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if !strings.HasPrefix(line, "|") || len(cells) != 4 || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| fault ") || strings.HasPrefix(line, "| output ") {
			continue
		}
		named := testName.FindAllString(cells[3], -1)
		require.NotEmpty(t, named, "docs/reliability.md:%d names no test", i+1)
		for _, name := range named {
			require.Contains(t, existing, name, "docs/reliability.md:%d", i+1)
		}
		rows++
	}
	require.Greater(t, rows, 20, "rows of the table of faults")
}

// testsOf returns the names of all tests of the repository.
func testsOf(t *testing.T, root string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "build"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, found := range testFunc.FindAllStringSubmatch(string(text), -1) {
			names = append(names, found[1])
		}
		return nil
	})
	require.NoError(t, err)
	return names
}
