// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package threatq carries the files that belong to the ThreatQ module as a whole. The code lives in
// the packages below it: client, threat, setup, dashboards and simulator.
package threatq
