// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package archive writes archives whose bytes depend on nothing but what they hold.
package archive

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"
)

// File is one file of an archive.
type File struct {
	Name   string // slash-separated, below the archive's directory
	Source string // where it is read from
	Mode   fs.FileMode
}

// Write writes the files below dir into an archive of the format that the name of target
// ends with: .zip or .tar.gz. Every entry belongs to root and is as old as modified.
// When it fails, nothing of target stays.
func Write(target, dir string, files []File, modified time.Time) error {
	out, err := os.Create(target)
	if err != nil {
		return err
	}
	write := writeTarGz
	if path.Ext(target) == ".zip" {
		write = writeZip
	}
	if err := errors.Join(write(out, dir, files, modified), out.Close()); err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", target, err), os.Remove(target))
	}
	return nil
}

func writeTarGz(out io.Writer, dir string, files []File, modified time.Time) error {
	// The gzip header is left without name and time.
	zipped, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(zipped)
	err = eachFile(files, func(f File, content []byte) (io.Writer, error) {
		return archive, archive.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg,
			Name:     path.Join(dir, f.Name),
			Size:     int64(len(content)),
			Mode:     int64(f.Mode.Perm()),
			ModTime:  modified,
			Uname:    "root",
			Gname:    "root",
			Format:   tar.FormatUSTAR,
		})
	})
	return errors.Join(err, archive.Close(), zipped.Close())
}

func writeZip(out io.Writer, dir string, files []File, modified time.Time) error {
	archive := zip.NewWriter(out)
	err := eachFile(files, func(f File, _ []byte) (io.Writer, error) {
		header := &zip.FileHeader{Name: path.Join(dir, f.Name), Method: zip.Deflate, Modified: modified.UTC()}
		header.SetMode(f.Mode)
		return archive.CreateHeader(header)
	})
	return errors.Join(err, archive.Close())
}

// eachFile writes the content of each file to what begin returns, which adds its header.
func eachFile(files []File, begin func(f File, content []byte) (io.Writer, error)) error {
	for _, f := range files {
		content, err := os.ReadFile(f.Source)
		if err == nil {
			var entry io.Writer
			if entry, err = begin(f, content); err == nil {
				_, err = entry.Write(content)
			}
		}
		if err != nil {
			return fmt.Errorf("adding %s: %w", f.Name, err)
		}
	}
	return nil
}
