// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Command build writes the Fleet integration package. It runs in the root of the
// repository.
//
//	go run ./dev-tools/fleetpackage/build -version 0.1.0 -o build/packages/fleet
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/threatqbeat/threatqbeat/dev-tools/fleetpackage"
)

func main() {
	out := flag.String("o", "", "folder to write the package to")
	version := flag.String("version", "", "version of the package")
	flag.Parse()
	if *out == "" || *version == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := fleetpackage.Build(".", *out, *version); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
