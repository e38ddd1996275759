// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// appliance is a simulated ThreatQ whose indicators are addresses, all active
// and without an end but the default duration.
type appliance struct {
	*simulator.Simulator
	t   *testing.T
	url string
	cfg simulator.Config
}

func startAppliance(t *testing.T, firstID, indicators int) *appliance {
	t.Helper()
	cfg := simulator.DefaultConfig()
	cfg.Indicators, cfg.FirstID, cfg.Untidy = indicators, int64(firstID), 0
	sim, err := simulator.New(cfg)
	require.NoError(t, err)
	server, err := sim.Start("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { server.Close() })
	a := &appliance{Simulator: sim, t: t, url: server.URL, cfg: cfg}
	for id := firstID; id < firstID+indicators; id++ {
		a.put(id, simulator.Fields{
			"type": "IP Address", "value": fmt.Sprintf("192.0.2.%d", id%256), "score": 9, "status": "Active",
			"expires_at": nil, "expired_at": nil, "created_at": time.Now(), "published_at": time.Now(),
		})
	}
	return a
}

// in returns the appliance for a subtest.
func (a *appliance) in(t *testing.T) *appliance {
	sub := *a
	sub.t = t
	return &sub
}

// put changes an indicator, which is collected in the next cycle.
func (a *appliance) put(id int, fields simulator.Fields) {
	a.t.Helper()
	require.NoError(a.t, a.Put(int64(id), fields))
}

// input returns the configuration of an input that collects from it every second.
func (a *appliance) input(id string, settings map[string]any) map[string]any {
	return beattest.Input(id, a.url, a.cfg.DataCollectionID, a.cfg.ClientID, a.cfg.ClientSecret, settings)
}
