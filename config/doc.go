// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package config holds every setting of threatqbeat and its inputs, and the beat's
// name and version.
//
// Each setting has one definition, which is data: input.yml has those of one threatq
// input, beat.yml those above the inputs, libbeat/ those of Libbeat's sections. What
// follows from them at run time is in this package: what is accepted and refused, with
// the name that was probably meant (check.go, value.go), defaults, and what diagnostics
// may show (shown.go). What is generated from them by dev-tools/optionsgen: the structs
// that settings are read into, the reference configuration, docs/configuration.md and
// the JSON schema.
//
// One function reads each part of a configuration: ReadInput, ReadBeat and SetupFrom, and
// CheckFile checks what stands above the inputs.
package config

//go:generate go run ../dev-tools/optionsgen -root ..
