// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package registry reads the saved cursors and resets them, for the commands
// cursor list and cursor reset.
//
// Read never changes the registry, whether a beat runs on it or not: opening a
// memlog repairs, truncates and changes modes, so a copy is opened instead. The
// copy is one that the store had at some moment: it is taken anew when the beat
// has rewritten its files meanwhile.
//
// Remove changes the registry, and nobody else may have it open. Its caller
// holds the lock of the data directory, as a running beat does.
package registry
