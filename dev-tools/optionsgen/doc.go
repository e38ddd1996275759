// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Command optionsgen writes what is made from the definitions of the settings:
// config/settings_generated.go, threatqbeat.yml, threatqbeat.reference.yml,
// docs/configuration.md, docs/threatqbeat.schema.json, and the variables of the Fleet
// package with the template of its stream.
//
// The definitions of threatqbeat's own settings are in config, those of the Libbeat
// sections in config/libbeat. The templates in _meta say what stands around them. Run
// it by `go generate ./config`.
package main
