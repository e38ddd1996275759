// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"github.com/elastic/beats/v7/libbeat/outputs"

	"github.com/threatqbeat/threatqbeat/module/threatq/delivery"
)

// ReplaceOutput puts a Client around each client of Libbeat's Kafka output. It is
// called once, before any output is made.
func ReplaceOutput(reports Reports) {
	delivery.ReplaceOutput("kafka", func(factory outputs.Factory) outputs.Factory { return around(factory, reports) })
}
