// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build race

package beattest

// RaceEnabled tells whether the race detector watches the tests and the binary. Tests
// under it are about what happens side by side: they take fewer rounds and smaller
// collections, and leave out what only measures memory or speed.
const RaceEnabled = true

// Slowness is how many times longer the race detector makes a test take, about.
const Slowness = 4
