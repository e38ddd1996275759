// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Command threatqbeat ships threat indicators from ThreatQ.
package main

import (
	"os"
	"runtime/debug"

	"github.com/threatqbeat/threatqbeat/cmd"
)

// gcPercent is the default of the setting gc_percent: a tenth less memory than with Go's own
// default of 100, for some 4 % of the CPU time.
const gcPercent = 75

func main() {
	limitGarbage()
	os.Exit(cmd.ExitCode(cmd.RootCmd.Execute()))
}

// limitGarbage sets the default of gc_percent, which Libbeat sets when it reads the configuration.
func limitGarbage() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
