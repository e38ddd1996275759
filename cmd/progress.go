// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
)

// progress shows how far the demo has come: a bar on a terminal, a line for each
// tenth elsewhere.
type progress struct {
	bar *progressbar.ProgressBar

	mu    sync.Mutex
	out   io.Writer
	total int
	done  int
	start time.Time
}

func newProgress(out io.Writer, total int) *progress {
	p := &progress{out: out, total: total, start: time.Now()}
	if file, ok := out.(*os.File); ok && isatty.IsTerminal(file.Fd()) {
		p.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(out),
			progressbar.OptionSetDescription("Collecting"),
			progressbar.OptionShowCount(),
			progressbar.OptionShowIts(),
			progressbar.OptionSetItsString("indicators"),
			progressbar.OptionThrottle(50*time.Millisecond),
			progressbar.OptionClearOnFinish(),
		)
		// Starts its clock, by which it tells the rate.
		_ = p.bar.RenderBlank()
	}
	return p
}

// add counts n more, and returns how many there are. What a sweep publishes comes on top
// of the total, and is not shown.
func (p *progress) add(n int) (done int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := min(p.done, p.total)
	p.done += n
	shown := min(p.done, p.total)
	if p.bar != nil {
		_ = p.bar.Set(shown)
	} else if shown*10/p.total > before*10/p.total {
		fmt.Fprintf(p.out, "%3d %%  %d of %d indicators, %.1f s\n", shown*100/p.total, shown, p.total, time.Since(p.start).Seconds())
	}
	return p.done
}

func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

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
