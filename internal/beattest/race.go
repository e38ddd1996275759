// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build race

package beattest

const raceEnabled = true

// slowness is how many times longer the race detector makes a test take, about.
const slowness = 4
