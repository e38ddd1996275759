// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package generated

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGoHeaderIsTheMark(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "", GoHeader("a test")+"\npackage a\n", parser.ParseComments)
	require.NoError(t, err)
	assert.True(t, ast.IsGenerated(file))
}

// No generator looks like what it makes.
func TestNoGeneratorIsMarked(t *testing.T) {
	mark := regexp.MustCompile(`(?m)^.*Code generated .* DO NOT EDIT`)
	tools := os.DirFS("..")
	require.NoError(t, fs.WalkDir(tools, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(tools, path)
		assert.False(t, mark.Match(text), path)
		return err
	}))
}
