// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package docstest

import (
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The files that the architecture and the recipes name exist.
func TestNamedFilesExist(t *testing.T) {
	root, pages := load(t)
	path := regexp.MustCompile("`((?:beater|cmd|config|dev-tools|internal|module|_meta)/[^` ]+)`")
	for _, name := range []string{"docs/architecture.md", "CONTRIBUTING.md"} {
		i := slices.IndexFunc(pages, func(p page) bool { return p.name == name })
		require.GreaterOrEqual(t, i, 0)
		found := path.FindAllStringSubmatch(pages[i].text, -1)
		assert.Greater(t, len(found), 10, name)
		for _, match := range found {
			files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(match[1])))
			require.NoError(t, err)
			assert.NotEmpty(t, files, "%s names %s", name, match[1])
		}
	}
}
