// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package beattest runs the built threatqbeat as its users do: the binary, with
// its flags and its files, in a directory of its own. It is for tests only.
package beattest
