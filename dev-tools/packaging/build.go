// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// Build compiles a stripped, static binary for each target into
// build/bin/<os>-<arch> and returns the paths in the same order.
func (s *Source) Build(ctx context.Context, targets ...Target) ([]string, error) {
	trimmed, err := s.Trim(ctx)
	if err != nil {
		return nil, fmt.Errorf("trimming Libbeat: %w", err)
	}
	binaries := make([]string, 0, len(targets))
	for _, t := range targets {
		binary := filepath.Join(s.Root, "build", "bin", t.OS+"-"+t.Arch, t.Binary())
		if err := s.compile(ctx, trimmed, t, ".", binary); err != nil {
			return nil, err
		}
		binaries = append(binaries, binary)
	}
	return binaries, nil
}

// BuildWith compiles another program of the tree the way that Build does, so
// that the two can be compared. It imports nothing of Libbeat that threatqbeat
// doesn't.
func (s *Source) BuildWith(ctx context.Context, t Target, pkg, binary string) error {
	trimmed, err := s.Trim(ctx)
	if err != nil {
		return fmt.Errorf("trimming Libbeat: %w", err)
	}
	return s.compile(ctx, trimmed, t, pkg, binary)
}

func (s *Source) compile(ctx context.Context, trimmed []string, t Target, pkg, binary string) error {
	args := append([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags=" + s.ldflags(), "-o", binary}, trimmed...)
	if _, err := Command(ctx, s.Root, t.Env(), "go", append(args, pkg)...); err != nil {
		return fmt.Errorf("building %s for %s: %w", pkg, t, err)
	}
	return nil
}

// ldflags strips the binary, leaves out what differs between two builds of the
// same commit, and sets what `threatqbeat version` prints.
func (s *Source) ldflags() string {
	const version = beatsModule + "/libbeat/version"
	return strings.Join([]string{
		"-s", "-w", "-buildid=",
		"-X", version + ".commit=" + s.Commit,
		"-X", version + ".buildTime=" + s.Time.Format(time.RFC3339),
	}, " ")
}

// Env returns the environment that makes the go command build for t.
func (t Target) Env() []string {
	return []string{
		"GOOS=" + t.OS, "GOARCH=" + t.Arch, "CGO_ENABLED=0",
		// A person's own settings must not get into a package.
		"GOFLAGS=", "GOEXPERIMENT=", "GOAMD64=v1", "GOARM64=v8.0",
	}
}
