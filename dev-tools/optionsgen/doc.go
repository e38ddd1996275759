// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Command optionsgen writes what is made from the definitions of the settings:
// threatqbeat.yml, threatqbeat.reference.yml, docs/configuration.md and
// docs/threatqbeat.schema.json.
//
// The definitions of threatqbeat's own settings are in config, those
// of the Libbeat sections in config/libbeat. The templates in _meta say what
// stands around them. Run it by `go generate ./config`; with -check it
// writes nothing and fails when a file is not what it would write.
package main
