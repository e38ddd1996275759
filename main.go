// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Command threatqbeat ships threat indicators from ThreatQ.
package main

import (
	"os"

	"github.com/threatqbeat/threatqbeat/cmd"
)

func main() {
	os.Exit(cmd.ExitCode(cmd.RootCmd.Execute()))
}
