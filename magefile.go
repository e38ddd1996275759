// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build mage

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/magefile/mage/sh"

	"github.com/threatqbeat/threatqbeat/dev-tools/packaging"
)

// distributions is where packages are written to.
const distributions = "build/distributions"

// Default is what mage does without a target.
var Default = Build

// Build compiles a stripped, static binary for this machine (or for $PLATFORMS, such as linux/arm64) into build/bin.
func Build(ctx context.Context) error {
	source, targets, err := plan(ctx, runtime.GOOS+"/"+runtime.GOARCH)
	if err != nil {
		return err
	}
	for _, target := range targets {
		binary, err := source.Build(ctx, target, ".")
		if err != nil {
			return err
		}
		fmt.Println(binary)
	}
	return nil
}

// Test runs the tests.
func Test() error { return sh.RunV("go", "test", "./...") }

// IntegTest runs the tests that need Elasticsearch and Kibana (module/threatq/setup/integration says which).
func IntegTest() error {
	return sh.RunV("go", "test", "-tags", "integration", "-count=1", "-timeout=30m", "./module/threatq/setup/integration")
}

// Check runs format, vet, linter and looks for stale generated files.
func Check() error {
	return sh.RunV(".ci/run", "format", "headers", "scripts", "tools", "vet", "lint", "generated")
}

// Ci runs everything that has to hold before a change goes in.
func Ci() error { return sh.RunV(".ci/run") }

// Update regenerates the generated files.
func Update() error { return sh.RunV("go", "generate", "./...") }

// Fuzz runs every fuzz target for $FUZZTIME (default 3s) each.
func Fuzz() error { return sh.RunV(".ci/run", "fuzz") }

// Bench measures speed and memory, and compares with Filebeat when $FILEBEAT_BIN names one.
func Bench() error {
	if err := sh.RunV("go", "test", "-run=^$", "-bench=^Benchmark(Scan|Decode|Map|Event|Path)$", "-benchmem",
		"./module/threatq/client", "./module/threatq/threat"); err != nil {
		return err
	}
	return sh.RunV("go", "run", "./dev-tools/bench")
}

// Soak runs the long tests: crashes, faults and leaks for many minutes.
func Soak() error {
	return sh.RunWithV(map[string]string{"THREATQBEAT_SOAK": "1"},
		"go", "test", "-count=1", "-timeout=2h", "-v", "-run=Soak", "./...")
}

// Package builds tar.gz, zip, deb and rpm for all platforms (or for $PLATFORMS) into build/distributions.
func Package(ctx context.Context) error {
	source, targets, err := plan(ctx, "")
	if err != nil {
		return err
	}
	packages, err := source.Package(ctx, distributions, targets...)
	return show(packages, err)
}

// Image builds the Docker image threatqbeat.
func Image(ctx context.Context) error {
	source, err := packaging.OpenSource(ctx, ".")
	if err != nil {
		return err
	}
	return sh.RunV("docker", "build", "--tag", "threatqbeat", "--tag", "threatqbeat:"+source.Version,
		"--build-arg", "COMMIT="+source.Commit,
		"--build-arg", fmt.Sprint("SOURCE_DATE_EPOCH=", source.Time.Unix()), ".")
}

// PackageTest installs the deb in a clean chroot and runs threatqbeat there (as root, with debootstrap).
func PackageTest(ctx context.Context) error {
	source, targets, err := plan(ctx, "linux/amd64")
	if err != nil {
		return err
	}
	if _, err := source.Package(ctx, distributions, targets...); err != nil {
		return err
	}
	return packaging.TestDeb(ctx, filepath.Join(distributions, targets[0].DebFile(source.Version)), os.Stdout)
}

// DocsTest follows docs/getting-started.md in a clean chroot with the deb, against $ELASTICSEARCH_URL and $KIBANA_URL (as root, with debootstrap).
func DocsTest(ctx context.Context) error {
	source, targets, err := plan(ctx, "linux/amd64")
	if err != nil {
		return err
	}
	if _, err := source.Package(ctx, distributions, targets...); err != nil {
		return err
	}
	packages := filepath.Join(source.Root, distributions)
	return sh.RunWithV(map[string]string{"THREATQBEAT_PACKAGES": packages},
		"go", "test", "-tags", "integration", "-count=1", "-timeout=30m", "-v", "-run=^TestGettingStarted$", "./module/threatq/setup/integration")
}

// Reproduce builds the packages again from a copy of the tree elsewhere and compares them with those in build/distributions.
func Reproduce(ctx context.Context) error {
	source, targets, err := plan(ctx, "")
	if err != nil {
		return err
	}
	same, err := source.Reproduce(ctx, distributions, targets...)
	return show(same, err)
}

// Clean removes what the other targets built.
func Clean() error { return sh.Rm("build") }

// plan opens the source tree and reads $PLATFORMS.
func plan(ctx context.Context, platforms string) (*packaging.Source, []packaging.Target, error) {
	source, err := packaging.OpenSource(ctx, ".")
	if err != nil {
		return nil, nil, err
	}
	if list := os.Getenv("PLATFORMS"); list != "" {
		platforms = list
	}
	targets, err := packaging.ParseTargets(platforms)
	return source, targets, err
}

func show(lines []string, err error) error {
	for _, line := range lines {
		fmt.Println(line)
	}
	return err
}
