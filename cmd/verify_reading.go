// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/mattn/go-isatty"
)

// reading shows on a terminal how much has been read. Elsewhere it shows nothing.
type reading struct {
	out   io.Writer // nil when it is no terminal
	shown time.Time
}

func newReading(out io.Writer) *reading {
	if !isatty.IsTerminal(os.Stderr.Fd()) {
		out = nil
	}
	return &reading{out: out}
}

func (r *reading) update(what string, n int) {
	if r.out == nil || time.Since(r.shown) < 100*time.Millisecond {
		return
	}
	r.shown = time.Now()
	fmt.Fprintf(r.out, "\r\x1b[KReading %s: %s", what, humanize.Comma(int64(n)))
}

func (r *reading) clear() {
	if r.out != nil {
		fmt.Fprint(r.out, "\r\x1b[K")
	}
}
