// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"fmt"
	"strings"
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
	o.put("file", o.nest("hash", o.nest(algorithm, hash)))
	o.relate("hash", hash)
}

func allHex(text string) bool { return strings.Trim(text, "0123456789abcdefABCDEF") == "" }

func (o *observable) putFilename() {
	o.put("file", o.nest("name", o.name))
}

// putFilePath sets a file's path and, unless that ends with a separator, the
// last part of it as the file's name.
func (o *observable) putFilePath() {
	start := o.begin()
	o.put("path", o.name)
	if name := baseName(o.value); name != "" {
		o.put("name", name)
	}
	o.put("file", o.end(start))
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

// hives has the root keys of the Windows registry by the names that they go
// by, in upper case: their own, their abbreviations, and the kernel's. The
// values are the abbreviations, as registry.hive wants them.
var hives = []struct{ name, hive string }{
	{`HKEY_LOCAL_MACHINE`, "HKLM"},
	{`HKLM`, "HKLM"},
	{`\REGISTRY\MACHINE`, "HKLM"},
	{`HKEY_CURRENT_USER`, "HKCU"},
	{`HKCU`, "HKCU"},
	{`HKEY_CLASSES_ROOT`, "HKCR"},
	{`HKCR`, "HKCR"},
	{`HKEY_USERS`, "HKU"},
	{`HKU`, "HKU"},
	{`\REGISTRY\USER`, "HKU"},
	{`HKEY_CURRENT_CONFIG`, "HKCC"},
	{`HKCC`, "HKCC"},
	{`HKEY_PERFORMANCE_DATA`, "HKPD"},
	{`HKPD`, "HKPD"},
	{`HKEY_DYN_DATA`, "HKDD"},
	{`HKDD`, "HKDD"},
}

// putRegistry sets the path as received, the hive's abbreviation and the key
// below the hive. A path that begins with no hive has the path only.
func (o *observable) putRegistry() {
	start := o.begin()
	o.put("path", o.name)
	if hive, key := splitRegistryPath(o.value); hive != "" {
		o.put("hive", hive)
		if key != "" {
			o.put("key", key)
		}
	}
	o.put("registry", o.end(start))
}

func splitRegistryPath(path string) (hive, key string) {
	// The registry editor puts the computer's name in front.
	if len(path) > 9 && strings.EqualFold(path[:9], `Computer\`) {
		path = path[9:]
	}
	for _, h := range hives {
		if len(path) < len(h.name) || !strings.EqualFold(path[:len(h.name)], h.name) {
			continue
		}
		rest := path[len(h.name):]
		// PowerShell writes HKLM:\Software.
		rest = strings.TrimPrefix(rest, ":")
		if rest == "" {
			return h.hive, ""
		}
		if rest[0] == '\\' || rest[0] == '/' {
			return h.hive, strings.Trim(rest, `\/`)
		}
	}
	return "", ""
}

// serialSeparators are what tools print between the digits of a serial number.
var serialSeparators = strings.NewReplacer(":", "", " ", "")

// putSerial sets a certificate's serial number as ECS wants it, hexadecimal
// digits in upper case without colons; one that isn't hexadecimal stays as it
// is.
func (o *observable) putSerial() {
	serial := strings.TrimPrefix(strings.TrimPrefix(o.value, "0x"), "0X")
	serial = serialSeparators.Replace(serial)
	var number any
	if serial != "" && allHex(serial) {
		number = strings.ToUpper(serial)
	} else {
		number = o.trimmed()
	}
	o.put("x509", o.nest("serial_number", number))
}
