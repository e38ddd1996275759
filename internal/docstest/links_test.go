// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package docstest

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// unwritten are pages that are linked to and still to come.
var unwritten = []string{}

func TestUnwrittenPagesAreUnwritten(t *testing.T) {
	root, _ := load(t)
	for _, name := range unwritten {
		require.NoFileExists(t, filepath.Join(root, filepath.FromSlash(name)), "%s is there: take it from the list", name)
	}
}

func TestLinksLeadSomewhere(t *testing.T) {
	root, pages := load(t)
	byName := map[string]page{}
	for _, page := range pages {
		byName[page.name] = page
	}
	for _, page := range pages {
		for _, link := range page.links {
			if strings.Contains(link.target, "://") || strings.HasPrefix(link.target, "mailto:") {
				continue
			}
			name, anchor, _ := strings.Cut(link.target, "#")
			target := page.name
			if name != "" {
				target = path.Join(path.Dir(page.name), name)
			}
			if slices.Contains(unwritten, target) {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(target))); err != nil {
				t.Errorf("%s:%d: %s leads nowhere", page.name, link.line, link.target)
				continue
			}
			if anchor == "" {
				continue
			}
			if targetPage, ok := byName[target]; ok && !slices.Contains(targetPage.headings, anchor) {
				t.Errorf("%s:%d: %s has no heading #%s", page.name, link.line, target, anchor)
			}
		}
	}
}

// The index of docs names every page.
func TestIndexIsComplete(t *testing.T) {
	_, pages := load(t)
	index := slices.IndexFunc(pages, func(p page) bool { return p.name == "docs/README.md" })
	require.GreaterOrEqual(t, index, 0)
	var targets []string
	for _, link := range pages[index].links {
		targets = append(targets, path.Join("docs", link.target))
	}
	for _, page := range pages {
		if path.Dir(page.name) == "docs" && page.name != "docs/README.md" {
			require.Contains(t, targets, page.name)
		}
	}
}

func TestParsePage(t *testing.T) {
	p := parsePage("docs/a.md", "# A title, here\n\nA [link](b.md#c) and `[no](link)`.\n\n- item\n\n  ```yaml other\n  a:\n    b: 1\n  ```\n\n## Same\n## Same\n")
	require.Equal(t, []string{"a-title-here", "same", "same-1"}, p.headings)
	require.Equal(t, []link{{line: 3, target: "b.md#c"}}, p.links)
	require.Equal(t, []block{{page: "docs/a.md", line: 8, info: []string{"yaml", "other"}, text: "a:\n  b: 1\n"}}, p.blocks)
}
