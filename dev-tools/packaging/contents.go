// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"fmt"
	"io"
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
func (s *Source) archiveFiles(t Target, binary string) []file {
	from := func(name string) string { return filepath.Join(s.Root, filepath.FromSlash(name)) }
	return []file{
		{"LICENSE.txt", from("LICENSE"), 0o644},
		{"NOTICE.txt", from("NOTICE"), 0o644},
		{"README.md", from("README.md"), 0o644},
		{"fields.yml", from("fields.yml"), 0o644},
		{t.Binary(), binary, 0o755},
		{"threatqbeat.reference.yml", from("threatqbeat.reference.yml"), 0o644},
		{"threatqbeat.spec.yml", from("threatqbeat.spec.yml"), 0o644},
		// It will hold credentials, and Libbeat refuses a file that others may write.
		{"threatqbeat.yml", from("threatqbeat.yml"), 0o600},
	}
}

// copyFile copies a regular file, creating the directories above it.
func copyFile(from, to string, mode fs.FileMode) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := out.Close(); err == nil && closeErr != nil {
			err = closeErr
		}
	}()
	if _, err := io.Copy(out, in); err != nil {
		return fmt.Errorf("copying %s: %w", from, err)
	}
	return nil
}
