// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package secrets keeps the secrets of this process out of what it writes.
//
// It learns them from the configuration, the keystore and the tokens that are
// received while running, and replaces each by config.Redacted wherever it would be
// written: in every line of the log, by whichever library it is logged, and in what
// the commands print. Code that has a secret to hide still never prints it; this is
// for what others print.
//
// The secrets, as the log, belong to the process, so that they are kept here once.
package secrets
