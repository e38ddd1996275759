// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// demoAppliance is a simulated appliance that listens.
type demoAppliance struct {
	*simulator.Simulator
	*simulator.Server
}

func (a demoAppliance) Close() { _ = a.Server.Close() }

// startSimulator starts the demo's appliance on a free loopback port.
func startSimulator(opts demoOptions) (*demoAppliance, error) {
	cfg := simulator.DefaultConfig()
	cfg.Indicators = opts.indicators
	cfg.Seed = opts.seed
	appliance, err := simulator.New(cfg)
	if err != nil {
		return nil, err
	}
	server, err := appliance.Start("")
	if err != nil {
		return nil, err
	}
	return &demoAppliance{appliance, server}, nil
}
