// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package validate checks the Fleet integration package against Elastic's package specification.
//
// It is a module of its own: the specification needs newer versions of golang.org/x modules than
// those that Libbeat is tested with, and a test must not change what threatqbeat is built from. Run
// it with
//
//	go test -C dev-tools/fleetpackage/validate ./...
//
// It builds the package with `go run`, in the main module.
package validate
