// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Reproduce copies the source tree to another directory, builds the packages of
// the targets there and compares their sums with those in dist. It returns a line
// for each package that has the same bytes, and an error that names those that
// don't.
func (s *Source) Reproduce(ctx context.Context, dist string, targets ...Target) ([]string, error) {
	elsewhere := *s
	elsewhere.Root = filepath.Join(s.Root, "build", "reproduce")
	if err := s.copyTree(ctx, elsewhere.Root); err != nil {
		return nil, fmt.Errorf("copying the source tree: %w", err)
	}
	packages, err := elsewhere.Package(ctx, filepath.Join(elsewhere.Root, "distributions"), targets...)
	if err != nil {
		return nil, fmt.Errorf("building a second time: %w", err)
	}
	var lines []string
	var differ []error
	for _, again := range packages {
		name, isSum := strings.CutSuffix(filepath.Base(again), sumSuffix)
		if !isSum {
			continue
		}
		first, err := os.ReadFile(filepath.Join(dist, name+sumSuffix))
		if err != nil {
			return nil, fmt.Errorf("reading the first build (run the target package before): %w", err)
		}
		second, err := os.ReadFile(again)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(first, second) {
			differ = append(differ, fmt.Errorf("%s differs from one build to the next", name))
			continue
		}
		lines = append(lines, fmt.Sprintf("%s: same bytes, sha512 %.16s...", name, first))
	}
	return lines, errors.Join(differ...)
}

// copyTree copies the files that Git knows or would add.
func (s *Source) copyTree(ctx context.Context, target string) error {
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	list, err := Command(ctx, s.Root, nil, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.TrimRight(list, "\x00"), "\x00") {
		err := copyFile(s.path(name), filepath.Join(target, filepath.FromSlash(name)), 0o644)
		if err != nil && !errors.Is(err, os.ErrNotExist) { // deleted, but not yet from the index
			return err
		}
	}
	return nil
}
