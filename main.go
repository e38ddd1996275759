// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Command threatqbeat ships threat indicators from ThreatQ.
package main

import (
	"os"

	"github.com/threatqbeat/threatqbeat/cmd"
)

func main() {
	if err := cmd.RootCmd.Execute(); err != nil {
		os.Exit(1)
	}
}
