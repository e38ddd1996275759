// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// file is one file of an archive.
type file struct {
	name   string // slash-separated, below the archive's directory
	source string // where it is read from
	mode   fs.FileMode
}

// archiveFiles lists what a tar.gz or zip holds, in order.
func (s *Source) archiveFiles(t Target, binary string) ([]file, error) {
	documents, err := s.documents()
	return append([]file{
		{t.Binary(), binary, 0o755},
		{"LICENSE.txt", s.path("LICENSE"), 0o644},
		{"threatqbeat.spec.yml", s.path("threatqbeat.spec.yml"), 0o644},
		// It will hold credentials, and Libbeat refuses a file that others may write.
		{"threatqbeat.yml", s.path("threatqbeat.yml"), 0o600},
	}, documents...), err
}

// documents lists what is there to read. The links between the pages are
// relative, so that they hold wherever all of it is put.
func (s *Source) documents() ([]file, error) {
	files := []file{
		{"NOTICE.txt", s.path("NOTICE"), 0o644},
		{"README.md", s.path("dev-tools/packaging/README.md"), 0o644},
	}
	for _, name := range []string{"CHANGELOG.md", "SECURITY.md", "deploy", "docs", "fields.yml", "threatqbeat.reference.yml"} {
		err := filepath.WalkDir(s.path(name), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			relative, err := filepath.Rel(s.Root, path)
			files = append(files, file{filepath.ToSlash(relative), path, 0o644})
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("listing the documentation: %w", err)
		}
	}
	return files, nil
}

// path returns where a file of the source tree is.
func (s *Source) path(name string) string { return filepath.Join(s.Root, filepath.FromSlash(name)) }

// copyFile copies a file, creating the directories above it.
func copyFile(from, to string, mode fs.FileMode) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, mode)
}
