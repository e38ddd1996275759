// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package e2e holds the tests that run the built threatqbeat against the
// simulated appliance, with files and loopback connections only.
package e2e
