// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package fleetpackage

import (
	"archive/zip"
	"bytes"
	"maps"
	"slices"
	"time"
)

// modified is the time of every file in the archive: the earliest that the format has. A real one
// would make two builds of the same sources differ.
var modified = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// zipOf returns an archive of the files, all below folder.
func zipOf(folder string, files map[string][]byte) ([]byte, error) {
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		header := &zip.FileHeader{Name: folder + "/" + path, Method: zip.Deflate, Modified: modified}
		header.SetMode(0o644)
		w, err := archive.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(files[path]); err != nil {
			return nil, err
		}
	}
	err := archive.Close()
	return out.Bytes(), err
}
