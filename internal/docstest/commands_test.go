// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package docstest

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

// Every call of threatqbeat in a shell block names a command that exists, with
// flags that this command has.
func TestCommandsExist(t *testing.T) {
	_, pages := load(t)
	help := map[string]string{}
	helpOf := func(command []string) string {
		name := strings.Join(command, " ")
		if _, ok := help[name]; !ok {
			output, err := threatqbeat(t, append(slices.Clone(command), "--help")...).CombinedOutput()
			require.NoError(t, err, "threatqbeat %s --help:\n%s", name, output)
			help[name] = string(output)
		}
		return help[name]
	}
	for _, block := range blocksIn(pages, "sh", "shell", "bash") {
		for _, line := range commandLines(block.text) {
			args, ok := threatqbeatArgs(line)
			if !ok {
				continue
			}
			t.Run(block.String(), func(t *testing.T) { checkCommand(t, line, args, helpOf) })
		}
	}
}

func checkCommand(t *testing.T, line string, args []string, helpOf func([]string) string) {
	var command []string
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") && hasCommand(helpOf(command), args[0]) {
		command, args = append(command, args[0]), args[1:]
	}
	require.NotEmpty(t, command, "%s: %q is not a command", line, strings.Join(args, " "))
	usage := helpOf(command)
	if strings.Contains(usage, "Available Commands:") {
		require.True(t, len(args) == 0 || strings.HasPrefix(args[0], "-"), "%s: %s has no command %q", line, strings.Join(command, " "), strings.Join(args, " "))
	}
	for _, arg := range args {
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			continue
		}
		flag, _, _ := strings.Cut(arg, "=")
		require.True(t, hasFlag(usage, flag), "%s: %s has no flag %s", line, strings.Join(command, " "), flag)
	}
}

// hasCommand reports whether a command's help lists a command.
func hasCommand(help, name string) bool {
	_, list, found := strings.Cut(help, "Available Commands:")
	return found && regexp.MustCompile(`(?m)^  `+regexp.QuoteMeta(name)+` `).MatchString(list)
}

// hasFlag reports whether a command's help lists a flag.
func hasFlag(help, flag string) bool {
	return regexp.MustCompile(`(?m)^ +(-\w, )?` + regexp.QuoteMeta(flag) + `[ ,=\n]`).MatchString(help)
}

// The commands of blocks that are marked so succeed in an empty directory.
func TestCommandsRun(t *testing.T) {
	_, pages := load(t)
	ran := 0
	for _, block := range blocksIn(pages, "sh") {
		if block.mark() != "run" {
			continue
		}
		t.Run(block.String(), func(t *testing.T) {
			dir := t.TempDir()
			for _, line := range commandLines(block.text) {
				args, ok := threatqbeatArgs(line)
				require.True(t, ok, "%s: only threatqbeat can be run here", line)
				cmd := threatqbeat(t, args...)
				cmd.Dir = dir
				output, err := cmd.CombinedOutput()
				require.NoError(t, err, "%s\n%s", line, output)
			}
		})
		ran++
	}
	require.NotZero(t, ran)
}

func threatqbeat(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(beattest.Binary(t), args...)
	cmd.Dir = t.TempDir()
	return cmd
}

// docs/commands.md has every command, and every flag but those that Libbeat
// gives to all of them.
func TestCommandsPage(t *testing.T) {
	_, pages := load(t)
	index := slices.IndexFunc(pages, func(p page) bool { return p.name == "docs/commands.md" })
	require.GreaterOrEqual(t, index, 0)
	text := pages[index].text
	list := regexp.MustCompile(`(?m)^  ([a-z-]+) {2,}`)
	flags := regexp.MustCompile(`(?m)^ +(?:-\w, )?(--[a-z.-]+)`)
	var visit func(command []string)
	visit = func(command []string) {
		output, err := threatqbeat(t, append(slices.Clone(command), "--help")...).CombinedOutput()
		require.NoError(t, err)
		help, _, _ := strings.Cut(string(output), "Global Flags:")
		if len(command) > 0 {
			name := command[len(command)-1]
			require.Regexp(t, "`"+name+"`|[`t] "+strings.Join(command, " ")+"\\b", text)
			for _, flag := range flags.FindAllStringSubmatch(help, -1) {
				if flag[1] != "--help" {
					require.Contains(t, text, flag[1], "threatqbeat %s", strings.Join(command, " "))
				}
			}
		}
		_, below, found := strings.Cut(help, "Available Commands:")
		if !found {
			return
		}
		below, _, _ = strings.Cut(below, "Flags:")
		for _, child := range list.FindAllStringSubmatch(below, -1) {
			if child[1] != "help" {
				visit(append(slices.Clone(command), child[1]))
			}
		}
	}
	visit(nil)
}

func TestWords(t *testing.T) {
	tests := map[string][]string{
		"threatqbeat run -e":               {"threatqbeat", "run", "-e"},
		`a -E 'x=["b c"]' "d e" f # g`:     {"a", "-E", `x=["b c"]`, "d e", "f"},
		"threatqbeat export | jq .":        {"threatqbeat", "export"},
		"threatqbeat export > policy.json": {"threatqbeat", "export"},
	}
	for line, want := range tests {
		require.Equal(t, want, words(line), line)
	}
}
