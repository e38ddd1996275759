// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/threatqbeat/threatqbeat/dev-tools/archive"
)

// archiveFiles lists what a tar.gz or zip holds, in order.
func (s *Source) archiveFiles(t Target, binary string) ([]archive.File, error) {
	documents, err := s.documents()
	return append([]archive.File{
		{Name: t.Binary(), Source: binary, Mode: 0o755},
		{Name: "LICENSE.txt", Source: s.path("LICENSE"), Mode: 0o644},
		{Name: "threatqbeat.spec.yml", Source: s.path("threatqbeat.spec.yml"), Mode: 0o644},
		// It will hold credentials, and Libbeat refuses a file that others may write.
		{Name: "threatqbeat.yml", Source: s.path("threatqbeat.yml"), Mode: 0o600},
	}, documents...), err
}

// documents lists what is there to read. The links between the pages are
// relative, so that they hold wherever all of it is put.
func (s *Source) documents() ([]archive.File, error) {
	files := []archive.File{
		{Name: "NOTICE.txt", Source: s.path("NOTICE"), Mode: 0o644},
		{Name: "README.md", Source: s.path("dev-tools/packaging/README.md"), Mode: 0o644},
	}
	for _, name := range []string{"CHANGELOG.md", "SECURITY.md", "deploy", "docs", "fields.yml", "threatqbeat.reference.yml"} {
		err := filepath.WalkDir(s.path(name), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			relative, err := filepath.Rel(s.Root, path)
			files = append(files, archive.File{Name: filepath.ToSlash(relative), Source: path, Mode: 0o644})
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
