// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package beattest

// RaceEnabled tells whether the race detector watches the tests and the binary.
const RaceEnabled = false

// Slowness is how many times longer the race detector makes a test take, about.
const Slowness = 1
