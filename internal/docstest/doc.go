// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package docstest holds the documentation to what the program does: its tests
// read docs/*.md and the Markdown files at the top of the repository.
//
// What is checked of a fenced block depends on the words behind the fence:
//
//	yaml          a configuration of threatqbeat, or a file of inputs: every
//	              setting exists and every input is accepted
//	yaml other    somebody else's YAML: it parses
//	json          it parses
//	console       requests to Elasticsearch: their bodies parse as JSON
//	sh            the commands of threatqbeat in it exist, with their flags
//	sh run        the same, and each command succeeds when run in an empty
//	              directory
//	text doctor   what `threatqbeat test input` prints, but for names and figures
//
// Links within the repository lead somewhere, the metrics of docs/monitoring.md
// are those that are served, and the tests that docs/reliability.md names exist.
package docstest
