// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Command bench compares whole processes on one machine in one go: threatqbeat,
// Libbeat's floor (ready-made events published to the discard output by the
// same pipeline), and Filebeat's httpjson input where FILEBEAT_BIN names a
// Filebeat. All collect from, or are sized by, the same simulated appliance. It
// prints CPU time, wall time and peak memory of each, and the ratios that
// docs/performance.md states.
//
// Times of different machines, or of different runs, say little; the ratios of
// one run are what to look at.
package main
