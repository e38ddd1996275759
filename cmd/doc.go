// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package cmd is the command line of threatqbeat: the commands that every Beat
// has, and those that only threatqbeat has. A command reads its flags, calls
// the package that does the work, and turns the outcome into output and an exit
// code; it holds no logic of its own.
package cmd
