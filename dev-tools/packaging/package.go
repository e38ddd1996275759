// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

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
	binaries, err := s.Build(ctx, targets...)
	if err != nil {
		return nil, err
	}
	var packages []string
	for i, t := range targets {
		archive, err := s.archive(t, binaries[i], dist)
		if err != nil {
			return nil, err
		}
		packages = append(packages, archive)
		if t.OS != "linux" {
			continue
		}
		native, err := s.linuxPackages(ctx, t, binaries[i], dist)
		if err != nil {
			return nil, err
		}
		packages = append(packages, native...)
	}
	integration, err := s.integrationPackage(ctx, dist)
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

func (s *Source) archive(t Target, binary, dist string) (string, error) {
	target := filepath.Join(dist, t.ArchiveFile(s.Version))
	files, err := s.archiveFiles(t, binary)
	if err != nil {
		return "", err
	}
	write := writeTarGz
	if t.OS == "windows" {
		write = writeZip
	}
	return target, write(target, t.ArchiveName(s.Version), files, s.Time)
}

// integrationPackage builds the package that Kibana takes as an upload.
func (s *Source) integrationPackage(ctx context.Context, dist string) (string, error) {
	stage := filepath.Join(s.Root, "build", "stage", "fleet")
	_, err := command(ctx, s.Root, nil, "go", "run", "./dev-tools/fleetpackage/build", "-version", s.Version, "-o", stage)
	if err != nil {
		return "", fmt.Errorf("building the integration package: %w", err)
	}
	name := fmt.Sprintf("%s-%s.zip", fleetpackage.Name, s.Version)
	target := filepath.Join(dist, name)
	if err := copyFile(filepath.Join(stage, name), target, 0o644); err != nil {
		return "", fmt.Errorf("copying the integration package: %w", err)
	}
	return target, nil
}
