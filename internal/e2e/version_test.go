// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

func TestVersion(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	dir := beattest.NewDir(t)
	command, code := dir.Run("version")
	assert.Zero(t, code)
	assert.Contains(t, command, "threatqbeat version "+config.Version)
	flag, code := dir.Run("--version")
	assert.Zero(t, code)
	assert.Equal(t, command, flag)
}

func TestCompletion(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	dir := beattest.NewDir(t)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script, code := dir.Run("completion", shell)
		assert.Zero(t, code)
		assert.Contains(t, script, "__complete", shell)
	}
}
