// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Build compiles a stripped, static binary of the package for t, into build/bin/<os>-<arch>,
// and returns its path. The package is a program of the tree that imports nothing of
// Libbeat that threatqbeat, the package ".", doesn't.
func (s *Source) Build(ctx context.Context, t Target, pkg string) (string, error) {
	trimmed, err := s.Trim(ctx)
	if err != nil {
		return "", fmt.Errorf("trimming Libbeat: %w", err)
	}
	binary := filepath.Join(s.Root, "build", "bin", t.OS+"-"+t.Arch, t.Binary())
	if pkg != "." {
		binary = filepath.Join(filepath.Dir(binary), path.Base(pkg))
	}
	args := append([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags=" + s.ldflags(), "-o", binary}, trimmed...)
	if _, err := Command(ctx, s.Root, t.Env(), "go", append(args, pkg)...); err != nil {
		return "", fmt.Errorf("building %s for %s: %w", pkg, t, err)
	}
	return binary, nil
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
