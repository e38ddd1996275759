// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// The HTTP endpoint's root tells that an input can't collect and why, and that it
// can again. The input's metrics say the same, in the middle of its first
// collection as well.
func TestHealthAtTheRoot(t *testing.T) {
	t.Parallel()
	sim := startAppliance(t, simulator.Config{Indicators: 10, Seed: 1, Latency: 200 * time.Millisecond})
	dir := beattest.NewDir(t)
	settings := map[string]any{"threatqbeat.inputs": []any{sim.input("one", map[string]any{"page_size": 1})}}
	get := withEndpoint(t, dir, settings)
	dir.Configure(settings)
	var root beattest.Event
	var inputs []beattest.Event
	is := func(health string) func() bool {
		return func() bool {
			root, inputs = nil, nil
			return get("/", &root) && get("/inputs/", &inputs) && root.Get("health.status") == health &&
				len(inputs) == 1 && inputs[0]["status"] == health
		}
	}

	beat := dir.Start("run")
	beat.Eventually("the first page of a long collection", is("healthy"))
	assert.EqualValues(t, 0, inputs[0]["cycles_total"])
	assert.Equal(t, map[string]any{"starting": 0.0, "healthy": 1.0, "degraded": 0.0, "failed": 0.0}, root.Get("health.inputs"))

	secret := sim.Config().ClientSecret
	sim.SetCredentials(sim.Config().ClientID, "another one")
	sim.RevokeTokens()
	beat.Eventually("the refusal of the credentials", is("degraded"))
	assert.Equal(t, map[string]any{"starting": 0.0, "healthy": 0.0, "degraded": 1.0, "failed": 0.0}, root.Get("health.inputs"))
	assert.NotEmpty(t, root.Get("health.reason"))
	assert.Equal(t, root.Get("health.reason"), inputs[0]["last_error"])

	sim.SetCredentials(sim.Config().ClientID, secret)
	beat.Eventually("the recovery", is("healthy"))
	beat.Stop()
	assert.Positive(t, sim.Stats().Total(simulator.EndpointToken))
}

// withEndpoint adds the HTTP endpoint to the settings, and returns a function that gets
// what it has at a path.
func withEndpoint(t *testing.T, dir *beattest.Dir, settings map[string]any) (get func(path string, into any) bool) {
	socket := dir.File("http.sock")
	settings["http"] = map[string]any{"enabled": true, "host": "unix://" + socket}
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	t.Cleanup(client.CloseIdleConnections)
	return func(path string, into any) bool {
		answer, err := client.Get("http://threatqbeat" + path)
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		return json.NewDecoder(answer.Body).Decode(into) == nil
	}
}
