// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"bytes"
	"context"
	"crypto/sha512"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Reproduce copies the source tree to another directory, builds the packages of
// the targets there and compares them with those in dist. It returns a line for
// each package that has the same bytes, and an error that names those that
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
		if strings.HasSuffix(again, sumSuffix) {
			continue
		}
		name := filepath.Base(again)
		first, err := os.ReadFile(filepath.Join(dist, name))
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
		lines = append(lines, fmt.Sprintf("%s: same bytes, sha512 %.8x...", name, sha512.Sum512(first)))
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
		source := filepath.Join(s.Root, filepath.FromSlash(name))
		info, err := os.Lstat(source)
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted, but not yet from the index
		}
		if err != nil {
			return err
		}
		if err := copyFile(source, filepath.Join(target, filepath.FromSlash(name)), info.Mode().Perm()); err != nil {
			return err
		}
	}
	return nil
}
