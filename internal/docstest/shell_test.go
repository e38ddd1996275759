// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package docstest

import (
	"path"
	"slices"
	"strings"
)

// commandLines splits the text of a shell block into command lines: one per
// line, continued by a backslash, without comments.
func commandLines(text string) []string {
	var lines []string
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\\\n", " "), "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

// words splits a command line into words as a shell does, but for expansions,
// and ends at a comment, a pipe or a redirection.
func words(line string) []string {
	var all []string
	var word strings.Builder
	started := false
	var quote rune
	flush := func() {
		if started {
			all = append(all, word.String())
			word.Reset()
			started = false
		}
	}
	for _, char := range line {
		switch {
		case quote != 0 && char == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(char)
		case char == '\'' || char == '"':
			quote, started = char, true
		case char == ' ' || char == '\t':
			flush()
		case strings.ContainsRune("|>;&", char), char == '#' && !started:
			flush()
			return all
		default:
			word.WriteRune(char)
			started = true
		}
	}
	flush()
	return all
}

// threatqbeatArgs returns the arguments of a call of threatqbeat; ok is false
// for any other command.
func threatqbeatArgs(line string) (args []string, ok bool) {
	all := words(line)
	if len(all) > 0 && all[0] == "sudo" {
		all = all[1:]
	}
	if len(all) > 2 && slices.Equal(all[:3], []string{"go", "run", "."}) {
		return all[3:], true
	}
	if len(all) == 0 || path.Base(all[0]) != "threatqbeat" {
		return nil, false
	}
	return all[1:], true
}
