// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package secrets

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

var stdio struct {
	mu    sync.Mutex
	pipes []pipe
}

// pipe stands for a file of the process that is written to by others.
type pipe struct {
	at   **os.File
	file *os.File // what at was
	in   *os.File
	done chan struct{}
}

// GuardStdio makes each line that others write to os.Stdout and os.Stderr pass
// through Hide, until ReleaseStdio. The log of standard error is not among it once
// it has been set up: it has a guard of its own, and must not lose its last lines
// when the process ends at once. Calls while it is guarded do nothing.
func GuardStdio() error {
	stdio.mu.Lock()
	defer stdio.mu.Unlock()
	if len(stdio.pipes) > 0 {
		return nil
	}
	for _, at := range []**os.File{&os.Stdout, &os.Stderr} {
		out, in, err := os.Pipe()
		if err != nil {
			return fmt.Errorf("keeping secrets out of what is printed: %w", err)
		}
		p := pipe{at: at, file: *at, in: in, done: make(chan struct{})}
		go p.copy(out)
		*at = in
		stdio.pipes = append(stdio.pipes, p)
	}
	return nil
}

// ReleaseStdio ends what GuardStdio began, once everything has been written. It is
// called before the process ends.
func ReleaseStdio() {
	stdio.mu.Lock()
	defer stdio.mu.Unlock()
	for _, p := range stdio.pipes {
		*p.at = p.file
		_ = p.in.Close()
		<-p.done
	}
	stdio.pipes = nil
}

func (p pipe) copy(out *os.File) {
	defer close(p.done)
	defer out.Close()
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		// That it can't be written could be said nowhere else.
		_, _ = io.WriteString(p.file, Hide(line))
		if errors.Is(err, io.EOF) || errors.Is(err, os.ErrClosed) {
			return
		}
	}
}
