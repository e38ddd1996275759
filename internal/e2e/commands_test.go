// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

// A command beside a running threatqbeat leaves its log files alone.
func TestCommandsWriteNoLogFile(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	a := startAppliance(t, tidy(5))
	dir := beattest.NewDir(t)
	dir.Configure(map[string]any{"threatqbeat.inputs": []any{a.input("one", nil)}})
	for _, command := range []string{"test config", "test input", "test output", "export config", "cursor list", "keystore create", "keystore list", "setup"} {
		output, _ := dir.Run(strings.Fields(command)...)
		assert.NoDirExists(t, dir.File("logs"), "%s: %s", command, output)
		if command == "export config" {
			assert.Contains(t, output, "to_files: true", "the configuration as it is")
		}
	}
	output, code := dir.Run("test", "config", "-e")
	assert.Zero(t, code, output)
	assert.Contains(t, output, `"log.level":`, "asked for on standard error")
}

func TestConfigurationFileIsMissing(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	dir := beattest.NewDir(t)
	for _, command := range []string{"run", "test config", "test input", "setup", "keystore list", "export config"} {
		output, code := dir.Run(append(strings.Fields(command), "-c", "other.yml")...)
		assert.Equal(t, 1, code, command)
		assert.Contains(t, output, "there is no configuration file other.yml in "+dir.File()+" (", command)
		assert.Contains(t, output, "name another file with -c", command)
	}
	output, code := dir.Run("test", "config", "-c", dir.File("other.yml"))
	assert.Equal(t, 1, code)
	assert.Contains(t, output, "there is no configuration file "+dir.File("other.yml")+": name another with -c")
}

func TestKeystoreAsksNobody(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	dir := beattest.NewDir(t)
	dir.Configure(map[string]any{})
	run := func(input string, args ...string) (string, int) {
		p := dir.StartWithInput(strings.NewReader(input), append([]string{"keystore"}, args...)...)
		code := p.Wait()
		return p.Output(), code
	}
	refused := func(want, input string, args ...string) {
		t.Helper()
		output, code := run(input, args...)
		assert.Equal(t, 1, code)
		assert.Contains(t, output, want)
		assert.NotContains(t, output, "goroutine")
	}
	refused("the keystore does not exist yet, and standard input holds the value", "value", "add", "NAME", "--stdin")
	output, code := run("", "create")
	require.Zero(t, code, output)
	assert.Contains(t, output, "Created")
	before, err := os.ReadFile(dir.File("data", "threatqbeat.keystore"))
	require.NoError(t, err)
	refused("a keystore exists already, and standard input is closed", "", "create")
	output, code = run("n\n", "create")
	assert.Zero(t, code)
	assert.Contains(t, output, "Overwrite?", "the question is shown though its line doesn't end")
	after, err := os.ReadFile(dir.File("data", "threatqbeat.keystore"))
	require.NoError(t, err)
	assert.Equal(t, before, after)

	output, code = run("value", "add", "NAME", "--stdin")
	require.Zero(t, code, output)
	refused("the keystore holds NAME already", "other", "add", "NAME", "--stdin")
	for range 5 {
		output, code = run("", "list")
		assert.Zero(t, code)
		assert.Equal(t, "NAME", strings.TrimSpace(output))
	}
	output, code = run("y\n", "create")
	assert.Zero(t, code, output)
	assert.Contains(t, output, "Created")
}

func TestSimulatorIsNotForEverybody(t *testing.T) {
	skipCommands(t)
	t.Parallel()
	for _, flags := range [][]string{
		{"--untidy", "5", "--unreadable", "7"},
		{"--faults", "nosuch,neither"},
	} {
		output, code := beattest.NewDir(t).Run(append([]string{"simulate"}, flags...)...)
		assert.Equal(t, 1, code)
		assert.Equal(t, 1, strings.Count(output, "\n"), output)
		for _, part := range flags {
			for _, name := range strings.Split(strings.TrimPrefix(part, "--"), ",") {
				assert.Contains(t, output, name)
			}
		}
	}
	output, code := beattest.NewDir(t).Run("simulate", "--address", "0.0.0.0:0")
	assert.Equal(t, 1, code)
	assert.Contains(t, output, "--allow-remote is false: it must be true to listen on 0.0.0.0:0")
}
