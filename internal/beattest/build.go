// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beattest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/gofrs/flock"
)

var build = sync.OnceValues(buildBinary)

// Binary builds threatqbeat, once for all tests, and returns the binary's path.
// Under the race detector the binary has it too.
func Binary(tb testing.TB) string {
	tb.Helper()
	path, err := build()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// SkipUnderRace skips a test in which the race detector has nothing to find.
func SkipUnderRace(tb testing.TB, why string) {
	tb.Helper()
	if RaceEnabled {
		tb.Skip("under the race detector: " + why)
	}
}

// Root returns the directory of the module.
func Root() (string, error) {
	file, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("looking for go.mod: %w", err)
	}
	return filepath.Dir(string(file)), nil
}

// buildBinary builds below build/, so that a second test package finds the
// binary built, and under a lock, because test packages run side by side.
func buildBinary() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "build", "test")
	if RaceEnabled {
		dir = filepath.Join(root, "build", "test-race")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("creating %s: %w", dir, err)
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	if err := lock.Lock(); err != nil {
		return "", fmt.Errorf("waiting for another build in %s: %w", dir, err)
	}
	defer func() { _ = lock.Unlock() }()

	binary := filepath.Join(dir, "threatqbeat")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	args := []string{"build", "-ldflags=-w", "-o", binary} // no debugger comes, and it links in two thirds of the time
	if RaceEnabled {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, ".")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building threatqbeat: %w\n%s", err, out)
	}
	return binary, nil
}
