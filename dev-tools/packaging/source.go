// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/threatqbeat/threatqbeat/config"
)

// Source is the tree that is packaged.
type Source struct {
	Root    string    // directory of go.mod
	Version string    // such as 0.1.0
	Commit  string    // full hash, with "-modified" when files differ from it
	Time    time.Time // of the commit, UTC; stands for the build time everywhere
}

// OpenSource describes the tree at root. Commit and time come from Git. Where
// there is no Git, as in an unpacked source archive, they come from the
// environment: COMMIT and SOURCE_DATE_EPOCH (seconds since 1970).
func OpenSource(ctx context.Context, root string) (*Source, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("finding the source tree: %w", err)
	}
	s := &Source{Root: root, Version: config.Version}
	return s, s.readCommit(ctx)
}

func (s *Source) readCommit(ctx context.Context) error {
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	s.Commit = os.Getenv("COMMIT")
	if s.Commit == "" {
		commit, err := Command(ctx, s.Root, nil, "git", "rev-parse", "HEAD")
		if err != nil {
			return fmt.Errorf("finding the commit (without Git, set COMMIT and SOURCE_DATE_EPOCH): %w", err)
		}
		changes, err := Command(ctx, s.Root, nil, "git", "status", "--porcelain", "--untracked-files=no")
		if err != nil {
			return fmt.Errorf("comparing the tree with its commit: %w", err)
		}
		s.Commit = commit
		if changes != "" {
			s.Commit += "-modified"
		}
	}
	if epoch == "" {
		var err error
		if epoch, err = Command(ctx, s.Root, nil, "git", "log", "-1", "--format=%ct"); err != nil {
			return fmt.Errorf("finding the commit's time (without Git, set SOURCE_DATE_EPOCH): %w", err)
		}
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH is %q, it must be a number of seconds since 1970", epoch)
	}
	s.Time = time.Unix(seconds, 0).UTC()
	return nil
}
