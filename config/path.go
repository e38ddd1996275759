// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// patternSigns have a meaning in patterns of file names.
var patternSigns = func() string {
	if filepath.Separator == '\\' {
		return `*?[`
	}
	return `*?[\`
}()

// CheckPath refuses the path of a setting below which Libbeat would not find its own
// files, because it takes the path for the beginning of a pattern.
func CheckPath(setting, path string) error {
	if !strings.ContainsAny(path, patternSigns) {
		return nil
	}
	return fmt.Errorf("%s is %s: it must have none of %s, because Libbeat would look for its files by a pattern and not find them",
		setting, Shorten(path), strings.Join(strings.Split(patternSigns, ""), " "))
}

// PathPattern returns the pattern that fits a path and nothing else.
func PathPattern(path string) string {
	var pattern strings.Builder
	for _, sign := range path {
		switch {
		case !strings.ContainsRune(patternSigns, sign):
			pattern.WriteRune(sign)
		case sign == '\\':
			pattern.WriteString(`\\`)
		default: // not by a backslash, which Windows has no such use for
			pattern.WriteString("[" + string(sign) + "]")
		}
	}
	return pattern.String()
}
