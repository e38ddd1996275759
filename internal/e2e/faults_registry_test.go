// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// A registry that is damaged costs a warning and a repetition, at one start and
// never at the next.
func TestDamagedRegistryIsStartedOver(t *testing.T) {
	t.Parallel()
	const indicators = 300
	for name, damage := range map[string]func(t *testing.T, home string){
		"garbage": func(t *testing.T, home string) {
			for _, file := range []string{"meta.json", "log.json"} {
				require.NoError(t, os.WriteFile(filepath.Join(home, file), []byte("\x00garbage"), 0o600))
			}
		},
		"empty files": func(t *testing.T, home string) {
			files, err := filepath.Glob(filepath.Join(home, "*"))
			require.NoError(t, err)
			for _, file := range files {
				require.NoError(t, os.Truncate(file, 0))
			}
		},
		"directories for files": func(t *testing.T, home string) {
			require.NoError(t, os.Remove(filepath.Join(home, "log.json")))
			require.NoError(t, os.MkdirAll(filepath.Join(home, "log.json"), 0o755))
		},
		"a file for the directory": func(t *testing.T, home string) {
			require.NoError(t, os.RemoveAll(home))
			require.NoError(t, os.WriteFile(home, nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim := startAppliance(t, tidy(indicators))
			dir := beattest.NewDir(t)
			dir.Configure(map[string]any{"threatqbeat.inputs": []any{sim.input("one", nil)}, "queue.mem.flush.timeout": "0s"})
			beat := dir.Start("run")
			beat.Eventually("the collection", func() bool { return dir.Lines() >= indicators })
			beat.Stop()

			damage(t, dir.File("data", "registry", "threatqbeat"))
			beat = dir.Start("run")
			beat.Eventually("the collection anew", func() bool { return dir.Lines() >= 2*indicators })
			beat.Stop()
			warned := 0
			for _, message := range dir.LogMessages("warn") {
				if strings.Contains(message, "registry of cursors is damaged") {
					warned++
				}
			}
			assert.Equal(t, 1, warned)
			assert.NotContains(t, beat.Output(), "panic")

			before := sim.Stats().Indicators
			requests := sim.Stats().Total(simulator.EndpointData)
			beat = dir.Start("run")
			beat.Eventually("another cycle", func() bool { return sim.Stats().Total(simulator.EndpointData) > requests })
			beat.Stop()
			assert.Equal(t, before, sim.Stats().Indicators, "the next start finds nothing damaged")
		})
	}
}

// A cursor that is JSON, but not what threatqbeat saves, costs a repetition of
// its own collection and nothing else.
func TestStrangeCursorsAreStartedOver(t *testing.T) {
	t.Parallel()
	const indicators = 50
	sim := startAppliance(t, tidy(indicators))
	dir := beattest.NewDir(t)
	var inputs []any
	var log strings.Builder
	states := []string{
		`null`, `{}`,
		`{"ttl":0}`, `{"ttl":"soon","updated":"never","cursor":{"mark":"x"}}`, `{"ttl":1,"updated":[1,2],"cursor":{}}`, `{"ttl":{},"updated":{},"cursor":{}}`,
		`{"cursor":null}`, `{"cursor":"text"}`, `{"cursor":7}`, `{"cursor":[1,{"mark":"x"}]}`, `{"cursor":true}`, `{"cursor":{}}`,
		`{"cursor":{"mark":7}}`, `{"cursor":{"mark":null,"collected":null,"updated":null}}`, `{"cursor":{"mark":{"a":{"b":1}}}}`, `{"cursor":{"mark":["a"]}}`,
		`{"cursor":{"mark":"unknown"}}`, `{"cursor":{"mark":"\u0000\ufffd \u0026=\n"}}`,
		`{"cursor":{"collected":-5}}`, `{"cursor":{"collected":1e300}}`, `{"cursor":{"collected":"many"}}`, `{"cursor":{"collected":{}}}`,
		`{"cursor":{"updated":"yesterday"}}`, `{"cursor":{"updated":{"a":1}}}`, `{"cursor":{"updated":[515396080,1]}}`, `{"cursor":{"updated":9e18}}`,
		`{"cursor":{"url":7,"data_collection_id":[]}}`, `{"cursor":{"unknown":{"deep":[1,2,3]}}}`,
	}
	for i, state := range states {
		id := fmt.Sprint("input-", i)
		inputs = append(inputs, sim.input(id, map[string]any{"tags": []string{id}}))
		fmt.Fprintf(&log, "{\"op\":\"set\",\"id\":%d}\n{\"k\":%q,\"v\":%s}\n", i+1, "threatq::"+id+"::"+sim.URL+" "+sim.Config().DataCollectionID, state)
	}
	home := dir.File("data", "registry", "threatqbeat")
	require.NoError(t, os.MkdirAll(home, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(home, "meta.json"), []byte(`{"version":"1"}`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(home, "log.json"), []byte(log.String()), 0o600))
	dir.Configure(map[string]any{"threatqbeat.inputs": inputs, "queue.mem.flush.timeout": "0s"})

	collected := func() map[string]int {
		counts := map[string]int{}
		for _, event := range dir.Events() {
			for _, tag := range event.Get("tags").([]any) {
				counts[tag.(string)]++
			}
		}
		return counts
	}
	beat := dir.Start("run")
	beat.Eventually("the collection of each input", func() bool {
		counts := collected()
		for i, state := range states {
			if n := counts[fmt.Sprint("input-", i)]; n > indicators {
				t.Fatalf("%s: %d events", state, n)
			} else if n < indicators {
				return false
			}
		}
		return true
	})
	beat.Eventually("the saved cursors", func() bool {
		cursors := savedCursors(t, dir)
		for i := range states {
			mark, _ := cursors[fmt.Sprint("input-", i)].Get("mark").(string)
			if mark == "" || mark == "unknown" {
				return false
			}
		}
		return true
	})
	beat.Stop()

	warnings := strings.Join(dir.LogMessages("warn"), "\n")
	assert.Contains(t, warnings, "The saved cursor can't be read")
	assert.Contains(t, warnings, "rejected the saved cursor")

	sim.Touch(1)
	beat = dir.Start("run")
	beat.Eventually("the collection of the update by each input", func() bool { return dir.Lines() >= len(states)*(indicators+1) })
	beat.Stop()
	for id, n := range collected() {
		assert.Equal(t, indicators+1, n, id)
	}
	assert.NotContains(t, beat.Output(), "panic")
}

// What a power loss leaves of the files that Libbeat keeps beside the registry.
func TestEmptyIdentity(t *testing.T) {
	t.Parallel()
	sim := startAppliance(t, tidy(10))
	dir := beattest.NewDir(t)
	require.NoError(t, os.MkdirAll(dir.File("data"), 0o755))
	for _, name := range []string{"meta.json", "threatqbeat.lock"} {
		require.NoError(t, os.WriteFile(dir.File("data", name), nil, 0o600))
	}
	dir.Configure(map[string]any{"threatqbeat.inputs": []any{sim.input("one", nil)}})
	beat := dir.Start("run")
	beat.Eventually("the collection", func() bool { return dir.Lines() >= 10 })
	beat.Stop()
}
