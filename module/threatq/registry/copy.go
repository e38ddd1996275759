// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The files of a memlog store. A data file holds everything up to a transaction
// and is named by it (17.json); the log holds what came after.
const (
	metaFile   = "meta.json"
	logFile    = "log.json"
	dataSuffix = ".json"
)

// copyAttempts is how often a copy is begun anew. A beat rewrites its data file
// once in 10 MB of log, so a second attempt is rare already.
const copyAttempts = 10

// copyStore copies the files of a store that somebody may be writing to.
func copyStore(from, to string) error {
	return copyStoreWatched(from, to, func() {})
}

// copyStoreWatched calls between after the data file was copied, for tests that
// change the store just then.
//
// A writer that checkpoints first puts the new data file in place and only then
// empties the log. So when the newest data file is still the same after the log
// was copied, the two belong together.
func copyStoreWatched(from, to string, between func()) error {
	for range copyAttempts {
		if err := os.RemoveAll(to); err != nil {
			return err
		}
		if err := os.Mkdir(to, 0o700); err != nil {
			return err
		}
		before, err := newestDataFile(from)
		if err != nil {
			return err
		}
		if before != "" {
			err := copyFile(from, to, before)
			if errors.Is(err, fs.ErrNotExist) {
				continue // deleted meanwhile: there is a newer one
			}
			if err != nil {
				return err
			}
		}
		between()
		for _, name := range []string{logFile, metaFile} {
			if err := copyFile(from, to, name); err != nil && !(name == logFile && errors.Is(err, fs.ErrNotExist)) {
				return err
			}
		}
		after, err := newestDataFile(from)
		if err != nil {
			return err
		}
		if after == before {
			return nil
		}
	}
	return fmt.Errorf("its files changed during each of %d attempts to read them: try again", copyAttempts)
}

// newestDataFile returns the name of the data file in use, "" when there is none.
func newestDataFile(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	name, newest := "", uint64(0)
	for _, entry := range entries {
		number, ok := strings.CutSuffix(entry.Name(), dataSuffix)
		if !ok || !entry.Type().IsRegular() {
			continue
		}
		if id, err := strconv.ParseUint(number, 10, 64); err == nil && (name == "" || id > newest) {
			name, newest = entry.Name(), id
		}
	}
	return name, nil
}

func copyFile(from, to, name string) error {
	source, err := os.Open(filepath.Join(from, name))
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(filepath.Join(to, name), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(target, source); err != nil {
		target.Close()
		return fmt.Errorf("copying %s: %w", name, err)
	}
	return target.Close()
}
