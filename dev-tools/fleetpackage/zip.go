// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package fleetpackage

import (
	"archive/zip"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"
)

// modified is the time of every file in the archive: the earliest that the format has. A real one
// would make two builds of the same sources differ.
var modified = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// writeZip writes the files to an archive, all below folder.
func writeZip(name, folder string, files map[string][]byte) (err error) {
	out, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("creating the archive: %w", err)
	}
	defer func() {
		if closeErr := out.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("writing the archive: %w", closeErr)
		}
	}()
	archive := zip.NewWriter(out)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		header := &zip.FileHeader{Name: folder + "/" + path, Method: zip.Deflate, Modified: modified}
		header.SetMode(0o644)
		w, err := archive.CreateHeader(header)
		if err != nil {
			return fmt.Errorf("adding %s to the archive: %w", path, err)
		}
		if _, err := w.Write(files[path]); err != nil {
			return fmt.Errorf("adding %s to the archive: %w", path, err)
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("writing the archive: %w", err)
	}
	return nil
}
