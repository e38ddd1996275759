// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// The HTTP endpoint's root tells that an input can't collect, and that it can
// again.
func TestHealthAtTheRoot(t *testing.T) {
	t.Parallel()
	sim := startAppliance(t, tidy(10))
	dir := beattest.NewDir(t)
	socket := dir.File("http.sock")
	dir.Configure(map[string]any{
		"threatqbeat.inputs": []any{sim.input("one", nil)},
		"http":               map[string]any{"enabled": true, "host": "unix://" + socket},
	})
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	var root beattest.Event
	is := func(health string) func() bool {
		return func() bool {
			answer, err := client.Get("http://threatqbeat/")
			if err != nil {
				return false
			}
			defer answer.Body.Close()
			root = nil
			return json.NewDecoder(answer.Body).Decode(&root) == nil && root.Get("health.status") == health
		}
	}

	beat := dir.Start("run")
	beat.Eventually("the first collection", is("healthy"))
	assert.Equal(t, map[string]any{"starting": 0.0, "healthy": 1.0, "degraded": 0.0}, root.Get("health.inputs"))

	secret := sim.Config().ClientSecret
	sim.SetCredentials(sim.Config().ClientID, "another one")
	sim.RevokeTokens()
	beat.Eventually("the refusal of the credentials", is("degraded"))
	assert.Equal(t, map[string]any{"starting": 0.0, "healthy": 0.0, "degraded": 1.0}, root.Get("health.inputs"))

	sim.SetCredentials(sim.Config().ClientID, secret)
	beat.Eventually("the recovery", is("healthy"))
	beat.Stop()
	assert.Positive(t, sim.Stats().Total(simulator.EndpointToken))
}
