// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"context"
	"crypto/sha512"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/threatqbeat/threatqbeat/dev-tools/archive"
	"github.com/threatqbeat/threatqbeat/dev-tools/fleetpackage"
)

// Package builds the packages of the targets into dist (created if need be) and
// returns the paths of all files written there, sorted.
func (s *Source) Package(ctx context.Context, dist string, targets ...Target) ([]string, error) {
	dist, err := filepath.Abs(dist)
	if err != nil {
		return nil, fmt.Errorf("finding the directory for packages: %w", err)
	}
	if err := os.MkdirAll(dist, 0o755); err != nil {
		return nil, fmt.Errorf("creating the directory for packages: %w", err)
	}
	var packages []string
	for _, t := range targets {
		binary, err := s.Build(ctx, t, ".")
		if err != nil {
			return nil, err
		}
		target := filepath.Join(dist, t.ArchiveFile(s.Version))
		files, err := s.archiveFiles(t, binary)
		if err != nil {
			return nil, err
		}
		if err := archive.Write(target, t.ArchiveName(s.Version), files, s.Time); err != nil {
			return nil, err
		}
		packages = append(packages, target)
		if t.OS != "linux" {
			continue
		}
		native, err := s.linuxPackages(ctx, t, binary, dist)
		if err != nil {
			return nil, err
		}
		packages = append(packages, native...)
	}
	integration, err := s.integrationPackage(dist)
	if err != nil {
		return nil, err
	}
	packages = append(packages, integration)

	written := slices.Clone(packages)
	for _, name := range packages {
		sum, err := writeSum(name)
		if err != nil {
			return nil, err
		}
		written = append(written, sum)
	}
	slices.Sort(written)
	return written, nil
}

// integrationPackage builds the package that Kibana takes as an upload.
func (s *Source) integrationPackage(dist string) (string, error) {
	stage := s.path("build/stage/fleet")
	if err := fleetpackage.Build(s.Root, stage, s.Version); err != nil {
		return "", err
	}
	name := fmt.Sprintf("%s-%s.zip", fleetpackage.Name, s.Version)
	target := filepath.Join(dist, name)
	return target, copyFile(filepath.Join(stage, name), target, 0o644)
}

// sumSuffix names the file that holds a package's SHA-512 sum, in the format
// that sha512sum --check reads.
const sumSuffix = ".sha512"

// writeSum writes the sum of a file next to it and returns the sum's path.
func writeSum(name string) (string, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("computing a sum: %w", err)
	}
	target := name + sumSuffix
	line := fmt.Sprintf("%x  %s\n", sha512.Sum512(content), filepath.Base(name))
	return target, os.WriteFile(target, []byte(line), 0o644)
}
