// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package config holds every setting of threatqbeat and its inputs.
//
// The definitions are data: input.yml has the settings of one threatq input,
// beat.yml those above the inputs, and libbeat/ those of the Libbeat sections.
// At run time CheckInput and CheckBeat refuse a setting that does not exist and
// name the one that was probably meant. At build time dev-tools/optionsgen writes
// the sample configurations, docs/configuration.md and the JSON schema from them.
package config

//go:generate go run ../dev-tools/optionsgen -root ..
