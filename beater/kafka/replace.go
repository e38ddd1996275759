// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	_ "unsafe" // for the name of a variable of another package

	"github.com/elastic/beats/v7/libbeat/outputs"
)

// factories are Libbeat's outputs by their names. Libbeat has no other place where
// all ways to make an output meet, whether it is configured in the file or by
// Elastic Agent, and refuses to register a name twice.
//
//go:linkname factories github.com/elastic/beats/v7/libbeat/outputs.outputReg
var factories map[string]outputs.Factory

// ReplaceOutput puts a Client around each client of Libbeat's Kafka output. It is
// called once, before any output is made.
func ReplaceOutput(reports Reports) {
	factories["kafka"] = around(factories["kafka"], reports)
}
