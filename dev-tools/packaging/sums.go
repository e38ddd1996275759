// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// sumSuffix names the file that holds a package's SHA-512 sum, in the format
// that sha512sum --check reads.
const sumSuffix = ".sha512"

// writeSum writes the sum of a file next to it and returns the sum's path.
func writeSum(name string) (string, error) {
	sum, err := sha512Of(name)
	if err != nil {
		return "", err
	}
	target := name + sumSuffix
	line := fmt.Sprintf("%s  %s\n", sum, filepath.Base(name))
	if err := os.WriteFile(target, []byte(line), 0o644); err != nil {
		return "", fmt.Errorf("writing the sum of %s: %w", name, err)
	}
	return target, nil
}

func sha512Of(name string) (string, error) {
	in, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("computing a sum: %w", err)
	}
	defer in.Close()
	hash := sha512.New()
	if _, err := io.Copy(hash, in); err != nil {
		return "", fmt.Errorf("computing the sum of %s: %w", name, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
