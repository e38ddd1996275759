// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"fmt"
	"strings"

	"github.com/elastic/elastic-agent-libs/mapstr"
)

// putHash returns what sets a hash of so many hexadecimal digits.
func putHash(algorithm string, digits int) func(*observable) {
	return func(o *observable) {
		hash := o.value
		if len(hash) != digits || !allHex(hash) {
			o.leftOut("file.hash."+algorithm, fmt.Sprintf("is not %d hexadecimal digits", digits))
			return
		}
		o.putFileHash(algorithm, strings.ToLower(hash))
	}
}

func (o *observable) putFuzzyHash() {
	o.putFileHash("ssdeep", o.value)
}

func (o *observable) putFileHash(algorithm, hash string) {
	o.fields["file"] = mapstr.M{"hash": mapstr.M{algorithm: hash}}
	o.relate("hash", hash)
}

func allHex(text string) bool { return strings.Trim(text, "0123456789abcdefABCDEF") == "" }

func (o *observable) putFilename() {
	o.fields["file"] = mapstr.M{"name": o.name}
}

// putFilePath sets a file's path and, unless that ends with a separator, the
// last part of it as the file's name.
func (o *observable) putFilePath() {
	file := make(mapstr.M, 2)
	file["path"] = o.name
	if name := baseName(o.value); name != "" {
		file["name"] = name
	}
	o.fields["file"] = file
}

// baseName returns what follows the last separator of a path. A path that
// begins with a slash is of a system where a backslash is a character like any
// other; in all others both separate.
func baseName(path string) string {
	separators := `\/`
	if strings.HasPrefix(path, "/") {
		separators = "/"
	}
	return path[strings.LastIndexAny(path, separators)+1:]
}
