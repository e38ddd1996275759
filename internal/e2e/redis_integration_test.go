// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build integration

package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

// What Redis refuses because it is full, or is only a replica for now, is held;
// everything arrives once it takes more. REDIS_URL names the server, whose settings
// are changed and put back.
func TestRealRedisTakesEverything(t *testing.T) {
	address := os.Getenv("REDIS_URL")
	if address == "" {
		t.Skip("REDIS_URL names no server")
	}
	server, err := url.Parse(address)
	require.NoError(t, err)
	conn, err := redis.DialURL(address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	for name, fault := range map[string]struct{ begin, end []any }{
		"full":             {[]any{"CONFIG", "SET", "maxmemory", "1"}, []any{"CONFIG", "SET", "maxmemory", "0"}},
		"without a quorum": {[]any{"CONFIG", "SET", "min-replicas-to-write", "1"}, []any{"CONFIG", "SET", "min-replicas-to-write", "0"}},
	} {
		t.Run(name, func(t *testing.T) {
			do := func(command []any) {
				t.Helper()
				_, err := conn.Do(command[0].(string), command[1:]...)
				require.NoError(t, err)
			}
			key := fmt.Sprintf("threatqbeat-%d", time.Now().UnixNano())
			t.Cleanup(func() { do([]any{"DEL", key}) })
			do(fault.begin)
			t.Cleanup(func() { do(fault.end) })

			sim := startAppliance(t, tidy(2000))
			dir, api := beattest.NewDir(t), freeAddress(t)
			dir.Configure(map[string]any{
				"threatqbeat.inputs": []any{sim.input("one", nil)},
				"output": map[string]any{"redis": map[string]any{
					"hosts": []string{server.Host}, "key": key, "backoff": map[string]any{"init": "100ms", "max": "500ms"},
				}},
				"http": endpointAt(api),
			})
			beat := dir.Start("run")
			beat.Eventually("refusals", func() bool { return outputEvents(api)["failed"] > 0 })
			assert.Zero(t, outputEvents(api)["acked"])
			beat.Kill()
			beat = dir.Start("run")
			do(fault.end)
			beat.Eventually("the arrival of everything", func() bool { return outputEvents(api)["acked"] >= sim.Len() })
			beat.Stop()

			list, err := redis.ByteSlices(conn.Do("LRANGE", key, 0, -1))
			require.NoError(t, err)
			var events []beattest.Event
			for _, text := range list {
				var event beattest.Event
				require.NoError(t, json.Unmarshal(text, &event))
				events = append(events, event)
			}
			sim.requireEach(t, events, true)
		})
	}
}
