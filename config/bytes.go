// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
)

// ByteSize is a number of bytes, read from texts such as 256MiB, 64 MB or 1048576.
type ByteSize int64

// Unpack takes the size from a configuration.
func (s *ByteSize) Unpack(text string) error {
	n, err := humanize.ParseBytes(text)
	if err != nil || n > 1<<62 || strings.HasPrefix(strings.TrimSpace(text), "-") {
		return fmt.Errorf("%q is not a size, write a number with a unit, such as 256MiB", text)
	}
	*s = ByteSize(n)
	return nil
}

// String returns the size with a unit.
func (s ByteSize) String() string {
	if s < 0 {
		return fmt.Sprint(int64(s))
	}
	return strings.ReplaceAll(humanize.IBytes(uint64(s)), " ", "")
}
