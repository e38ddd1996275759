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
func writeTarGz(target, dir string, files []file, modified time.Time) error {
	return create(target, func(out io.Writer) error {
		// The gzip header is left without name and time.
		zipped, err := gzip.NewWriterLevel(out, gzip.BestCompression)
		if err != nil {
			return err
		}
		archive := tar.NewWriter(zipped)
		for _, f := range files {
			if err := addToTar(archive, dir, f, modified); err != nil {
				return fmt.Errorf("adding %s: %w", f.name, err)
			}
		}
		return errors.Join(archive.Close(), zipped.Close())
	})
}

func addToTar(archive *tar.Writer, dir string, f file, modified time.Time) error {
	in, size, err := open(f.source)
	if err != nil {
		return err
	}
	defer in.Close()
	header := &tar.Header{
		Typeflag: tar.TypeReg,
		Name:     path.Join(dir, f.name),
		Size:     size,
		Mode:     int64(f.mode.Perm()),
		ModTime:  modified,
		Uname:    "root",
		Gname:    "root",
		Format:   tar.FormatUSTAR,
	}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(archive, in)
	return err
}

// writeZip writes files below dir into a zip. Every entry is as old as modified.
func writeZip(target, dir string, files []file, modified time.Time) error {
	return create(target, func(out io.Writer) error {
		archive := zip.NewWriter(out)
		for _, f := range files {
			if err := addToZip(archive, dir, f, modified); err != nil {
				return fmt.Errorf("adding %s: %w", f.name, err)
			}
		}
		return archive.Close()
	})
}

func addToZip(archive *zip.Writer, dir string, f file, modified time.Time) error {
	in, _, err := open(f.source)
	if err != nil {
		return err
	}
	defer in.Close()
	header := &zip.FileHeader{Name: path.Join(dir, f.name), Method: zip.Deflate, Modified: modified.UTC()}
	header.SetMode(f.mode)
	entry, err := archive.CreateHeader(header)
	if err != nil {
		return err
	}
	_, err = io.Copy(entry, in)
	return err
}

func open(name string) (*os.File, int64, error) {
	in, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := in.Stat()
	if err != nil {
		in.Close()
		return nil, 0, err
	}
	return in, info.Size(), nil
}

// create writes a file through write; what was written of it is removed when
// that fails.
func create(name string, write func(io.Writer) error) error {
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := errors.Join(write(out), out.Close()); err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", name, err), os.Remove(name))
	}
	return nil
}
