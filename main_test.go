// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/config"
)

const module = "github.com/threatqbeat/threatqbeat"

// floors are the packages that the binary is built of, from the ground. A package
// imports those of lower floors only.
var floors = [][]string{
	{"config"},
	{"config/secrets", "module/threatq/health", "module/threatq/jsonscan", "module/threatq/registry"},
	{"module/threatq/client", "module/threatq/delivery", "module/threatq/simulator"},
	{"module/threatq/threat", "module/threatq/assets"},
	{"module/threatq/setup"},
	{"module/threatq/doctor"},
	{"beater", "beater/kafka"},
	{"beater/agent"},
	{"cmd"},
	{""},
}

// The binary is built of these packages, so of none below internal or dev-tools.
func TestFloors(t *testing.T) {
	floorOf := func(name string) int {
		return slices.IndexFunc(floors, func(floor []string) bool { return slices.Contains(floor, name) })
	}
	own := func(path string) (string, bool) {
		name, ok := strings.CutPrefix(path, module)
		return strings.TrimPrefix(name, "/"), ok
	}
	list, err := exec.Command("go", "list", "-deps", "-f", `{{.ImportPath}} {{join .Imports " "}}`, ".").Output()
	require.NoError(t, err)
	packages := 0
	for line := range strings.Lines(string(list)) {
		paths := strings.Fields(line)
		name, ok := own(paths[0])
		if !ok {
			continue
		}
		packages++
		require.NotEqual(t, -1, floorOf(name), "the binary is built of %s, which is on no floor", name)
		for _, path := range paths[1:] {
			if imported, ok := own(path); ok {
				assert.Less(t, floorOf(imported), floorOf(name), "%s imports %s", name, imported)
			}
		}
	}
	assert.Equal(t, len(slices.Concat(floors...)), packages)
}

func TestGarbageCollector(t *testing.T) {
	was := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(was) })

	t.Setenv("GOGC", "100")
	limitGarbage()
	assert.Equal(t, 100, debug.SetGCPercent(100), "GOGC is the user's")

	t.Setenv("GOGC", "")
	limitGarbage()
	percent := debug.SetGCPercent(100)
	for _, section := range config.LibbeatSettings().Sections {
		for _, option := range section.Options {
			if option.Name == "gc_percent" {
				assert.Equal(t, option.Default, percent, "the documented default")
				return
			}
		}
	}
	t.Error("gc_percent is not documented")
}
