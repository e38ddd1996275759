// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

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

func (p *progress) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.done
	n = min(n, p.total-p.done) // what a sweep publishes comes on top
	p.done += n
	if p.bar != nil {
		_ = p.bar.Add(n)
		return
	}
	if p.done*10/p.total > before*10/p.total {
		fmt.Fprintf(p.out, "%3d %%  %d of %d indicators, %.1f s\n", p.done*100/p.total, p.done, p.total, time.Since(p.start).Seconds())
	}
}

func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
