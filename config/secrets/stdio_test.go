// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStdioIsGuarded(t *testing.T) {
	Learn("printed secret")
	file, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	require.NoError(t, err)
	stdout, stderr := os.Stdout, os.Stderr
	defer func() { os.Stdout, os.Stderr = stdout, stderr }()
	os.Stdout, os.Stderr = file, file

	require.NoError(t, GuardStdio())
	require.NoError(t, GuardStdio(), "twice is as once")
	for range 10_000 {
		fmt.Fprint(os.Stdout, "the printed ")
		fmt.Fprint(os.Stdout, "secret\n")
	}
	fmt.Fprint(os.Stdout, "an end without a line feed, and a printed secret")
	ReleaseStdio()
	assert.Equal(t, file, os.Stdout)
	assert.Equal(t, file, os.Stderr)
	ReleaseStdio()

	text, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	assert.Len(t, text, 10_000*len("the xxxxx\n")+len("an end without a line feed, and a xxxxx"))
	assert.NotContains(t, string(text), "printed secret")
}
