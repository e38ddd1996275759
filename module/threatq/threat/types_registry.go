// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"strings"

	"github.com/elastic/elastic-agent-libs/mapstr"
)

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
	registry := make(mapstr.M, 3)
	registry["path"] = o.name
	if hive, key := splitRegistryPath(o.value); hive != "" {
		registry["hive"] = hive
		if key != "" {
			registry["key"] = key
		}
	}
	o.fields["registry"] = registry
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
