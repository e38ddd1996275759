// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package docstest

import (
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The files that the architecture and the recipes name exist.
func TestNamedFilesExist(t *testing.T) {
	root, pages := load(t)
	named := regexp.MustCompile("`((?:beater|cmd|config|dev-tools|internal|module|_meta)/[^` ]+)`")
	for _, name := range []string{"docs/architecture.md", "CONTRIBUTING.md"} {
		i := slices.IndexFunc(pages, func(p page) bool { return p.name == name })
		require.GreaterOrEqual(t, i, 0)
		found := named.FindAllStringSubmatch(pages[i].text, -1)
		assert.Greater(t, len(found), 10, name)
		for _, match := range found {
			files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(match[1])))
			require.NoError(t, err)
			assert.NotEmpty(t, files, "%s names %s", name, match[1])
		}
	}
}

// The tree of the architecture names each package of the binary, and nothing that isn't
// there.
func TestTreeOfTheArchitecture(t *testing.T) {
	root, pages := load(t)
	i := slices.IndexFunc(pages, func(p page) bool { return p.name == "docs/architecture.md" })
	require.GreaterOrEqual(t, i, 0)
	_, text, found := strings.Cut(pages[i].text, "## The tree\n\n```text\n")
	require.True(t, found)
	text, _, _ = strings.Cut(text, "```")
	var tree []string
	parent := ""
	for line := range strings.Lines(text) {
		name := strings.TrimSuffix(strings.Fields(line)[0], "/")
		switch depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2; depth {
		case 0:
			parent = name
		case 1:
			name = path.Join(parent, name)
		default:
			name = path.Join(tree[len(tree)-1], name) // a file of the package above
		}
		there, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(name)))
		require.NoError(t, err)
		assert.NotEmpty(t, there, name)
		tree = append(tree, name)
	}
	for _, pattern := range []string{"beater/*", "config/*", "module/threatq/*"} {
		dirs, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern), "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, dirs)
		for _, file := range dirs {
			assert.Contains(t, tree, path.Join(path.Dir(pattern), filepath.Base(filepath.Dir(file))))
		}
	}
}
