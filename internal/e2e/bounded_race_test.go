// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build race

package e2e

// memoryFactor is how much more memory the race detector takes, about.
const memoryFactor = 8
