// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

const heading = `threatqbeat
Copyright threatqbeat contributors

threatqbeat itself is licensed under the Apache License, Version 2.0, see the
file LICENSE.

Its binary contains parts under other licences. Among them are parts under the
Elastic License, which is not an open source licence: the directory x-pack of
Beats, for the control protocol of Elastic Agent, and the client of that
protocol. Whoever distributes or uses the binary keeps to their terms as well.

Below: what the binary contains, then the text of each licence. Modules marked
with * are only in what "go build" makes, not in the packages, which are linked
without the parts of Libbeat that a ThreatQ shipper has no use for. The source
of each is the Go module of that path and version, unchanged; of Libbeat only
imports are left out in the packages.

This file is generated: go generate ./dev-tools/notice
`

const rule = "================================================================================"

// render writes the notice.
func render(components []component) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(heading)

	fmt.Fprintf(&out, "\n%s\nContents\n%s\n\n", rule, rule)
	fmt.Fprintf(&out, "  %-29s Go standard library and runtime (https://go.dev)\n", "BSD-3-Clause")
	for _, c := range components {
		mark := " "
		if !c.packaged {
			mark = "*"
		}
		fmt.Fprintf(&out, "%s %-29s %s\n", mark, strings.Join(c.licences, ", "), title(c))
	}

	fmt.Fprintf(&out, "\n%s\nCopyright and notices\n%s\n", rule, rule)
	out.WriteString("\nGo standard library and runtime\n  Copyright 2009 The Go Authors.\n")
	for _, c := range components {
		if len(c.copyrights) == 0 && c.notice == "" {
			continue // the licence's text is all there is
		}
		fmt.Fprintf(&out, "\n%s\n", title(c))
		for _, line := range c.copyrights {
			fmt.Fprintf(&out, "  %s\n", line)
		}
		if c.notice != "" {
			out.WriteString("  Its notice:\n")
			for line := range strings.Lines(c.notice + "\n") {
				out.WriteString(strings.TrimRight("    "+line, " \n") + "\n")
			}
		}
	}

	for _, id := range usedKinds(components) {
		text, err := textOf(id, components)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "\n%s\n%s\n%s\n\n%s\n", rule, id, rule, text)
	}
	return out.Bytes(), nil
}

func title(c component) string { return c.name + " " + c.version }

func usedKinds(components []component) []string {
	ids := []string{"BSD-3-Clause"}
	for _, c := range components {
		ids = append(ids, c.licences...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// textOf returns the text of a licence, without the copyright of the module that
// it was taken from.
func textOf(id string, components []component) (string, error) {
	if id == "Apache-2.0" {
		return "See the file LICENSE.", nil
	}
	for _, c := range components {
		if !slices.Equal(c.licences, []string{id}) {
			continue
		}
		var text strings.Builder
		for line := range strings.Lines(c.text) {
			if len(copyrights(line)) == 0 {
				text.WriteString(strings.TrimRight(line, " \t\r\n") + "\n")
			}
		}
		return strings.Trim(text.String(), "\n"), nil
	}
	return "", fmt.Errorf("no module is under %s alone, so there is no text to take", id)
}
