// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package beattest

const raceEnabled = false

const slowness = 1
