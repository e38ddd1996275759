// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package options knows every setting that threatqbeat adds to Libbeat's: its
// name, type, default, range and description.
//
// The definitions are data, in input.yml (the settings of one threatq input)
// and beat.yml (what stands above the inputs). They serve two ends. At run time
// CheckInput and CheckBeat refuse a setting that does not exist and name the
// one that was probably meant. At build time dev-tools/optionsgen writes the
// sample configurations, docs/configuration.md and the JSON schema from them,
// so that none of these can fall behind.
//
// The package reads no setting's value: that is done, and the value is
// validated, by the package that uses it. A test holds the two together.
package options

//go:generate go run ../../dev-tools/optionsgen -root ../..
