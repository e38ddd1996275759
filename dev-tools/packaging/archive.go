// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"
)

// writeTarGz writes files below dir into a gzipped tar. Every entry belongs to
// root and is as old as modified.
func writeTarGz(out io.Writer, dir string, files []file, modified time.Time) error {
	// The gzip header is left without name and time.
	zipped, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(zipped)
	err = eachFile(files, func(f file, content []byte) error {
		err := archive.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg,
			Name:     path.Join(dir, f.name),
			Size:     int64(len(content)),
			Mode:     int64(f.mode.Perm()),
			ModTime:  modified,
			Uname:    "root",
			Gname:    "root",
			Format:   tar.FormatUSTAR,
		})
		if err != nil {
			return err
		}
		_, err = archive.Write(content)
		return err
	})
	return errors.Join(err, archive.Close(), zipped.Close())
}

// writeZip writes files below dir into a zip. Every entry is as old as modified.
func writeZip(out io.Writer, dir string, files []file, modified time.Time) error {
	archive := zip.NewWriter(out)
	err := eachFile(files, func(f file, content []byte) error {
		header := &zip.FileHeader{Name: path.Join(dir, f.name), Method: zip.Deflate, Modified: modified.UTC()}
		header.SetMode(f.mode)
		entry, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		_, err = entry.Write(content)
		return err
	})
	return errors.Join(err, archive.Close())
}

func eachFile(files []file, add func(f file, content []byte) error) error {
	for _, f := range files {
		content, err := os.ReadFile(f.source)
		if err == nil {
			err = add(f, content)
		}
		if err != nil {
			return fmt.Errorf("adding %s: %w", f.name, err)
		}
	}
	return nil
}

// writeArchive writes an archive of the format that its name ends with. When that
// fails, nothing of it stays.
func writeArchive(target, dir string, files []file, modified time.Time) error {
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
