// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package beater hosts the threatq inputs in a Beat.
//
// It starts the inputs of the configuration, follows those in
// threatqbeat.config.inputs while running, and keeps their cursors in one store.
// Whoever brings other inputs, as beater/agent does, runs them by way of Options.Follow.
// It knows nothing of ThreatQ: what an input does is module/threatq/threat's.
//
// A shutdown first stops the inputs, then waits up to
// threatqbeat.shutdown_timeout for the output to acknowledge what has been
// published, and only then lets Libbeat close the pipeline. A cursor is saved
// with the acknowledgement of its page, so a shutdown at any moment costs at
// most a repetition.
package beater
