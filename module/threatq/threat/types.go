// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"fmt"
	"strings"
)

// observable is what an indicator is about, on its way to the fields of
// threat.indicator that its type has in ECS.
type observable struct {
	*builder
	// ecs is the threat.indicator.type.
	ecs string
	// related is related.*, nil as long as nothing was put there.
	related any
	// value is the indicator's value without surrounding white space; name is
	// the value as received, for a field, or nil where there is none.
	value string
	name  any
}

// indicatorType says what one of ThreatQ's indicator types is in ECS. The page
// docs/indicator-types.md is generated from it.
type indicatorType struct {
	// name is what ThreatQ calls it.
	name string
	// ecs is the threat.indicator.type.
	ecs string
	// fields are those of threat.indicator that put may set, and related.*.
	fields string
	// put sets the fields. It may correct the threat.indicator.type. Without it
	// the value becomes the only field as it is.
	put func(*observable)
}

// indicatorTypes has ThreatQ's indicator types. One that isn't here is unknown
// to ECS.
var indicatorTypes = []indicatorType{
	{"IP Address", ecsIPv4, "ip port related.ip", (*observable).putIP},
	{"IPv6 Address", ecsIPv6, "ip port related.ip", (*observable).putIP},
	{"CIDR Block", ecsIPv4, "", (*observable).putNetwork},
	{"FQDN", "domain-name", "url.domain url.registered_domain url.top_level_domain related.hosts related.ip", (*observable).putDomain},
	{"URL", "url", "url.original url.full url.scheme url.domain url.port url.path url.query url.fragment url.extension " +
		"url.registered_domain url.top_level_domain related.hosts related.ip", (*observable).putURL},
	{"URL Path", "url", "url.path", nil},
	{"MD5", "file", "file.hash.md5 related.hash", putHash("md5", 32)},
	{"SHA-1", "file", "file.hash.sha1 related.hash", putHash("sha1", 40)},
	{"SHA-256", "file", "file.hash.sha256 related.hash", putHash("sha256", 64)},
	{"SHA-384", "file", "file.hash.sha384 related.hash", putHash("sha384", 96)},
	{"SHA-512", "file", "file.hash.sha512 related.hash", putHash("sha512", 128)},
	{"Fuzzy Hash", "file", "file.hash.ssdeep related.hash", (*observable).putFuzzyHash},
	{"Filename", "file", "file.name", (*observable).putFilename},
	{"File Path", "file", "file.path file.name", (*observable).putFilePath},
	{"Email Address", "email-addr", "email.address", nil},
	{"Email Subject", "email-message", "", nil},
	{"Email Attachment", "file", "file.name", (*observable).putFilename},
	{"Registry Key", "windows-registry-key", "registry.path registry.hive registry.key", (*observable).putRegistry},
	{"Mutex", "mutex", "", nil},
	{"MAC Address", "mac-addr", "", nil},
	{"ASN", "autonomous-system", "as.number", (*observable).putASN},
	{"Username", "user-account", "", nil},
	{"x509 Serial", "x509-certificate", "x509.serial_number", (*observable).putSerial},
	{"x509 Subject", "x509-certificate", "x509.subject.distinguished_name", nil},
	{"CVE", "vulnerability", "", nil},
}

const (
	ecsUnknown = "unknown"
	ecsIPv4    = "ipv4-addr"
	ecsIPv6    = "ipv6-addr"

	// maxTypeBytes is more than the longest name of indicatorTypes.
	maxTypeBytes = 32
)

// typesByKey has indicatorTypes by their names as appendTypeKey writes them.
var typesByKey = func() map[string]*indicatorType {
	types := make(map[string]*indicatorType, len(indicatorTypes))
	for i := range indicatorTypes {
		t := &indicatorTypes[i]
		if t.put == nil && t.fields != "" {
			name, path, _ := strings.Cut(t.fields, ".")
			t.put = func(o *observable) { o.put(name, o.nest(path, o.trimmed())) }
		}
		types[string(appendTypeKey(nil, t.name))] = t
	}
	return types
}()

// describe sets the fields that belong to the type, and returns threat.indicator.type.
func (o *observable) describe() string {
	t := findType(o.ind.Type)
	if t == nil {
		return ecsUnknown
	}
	o.ecs = t.ecs
	if t.put != nil && o.value != "" {
		t.put(o)
	}
	return o.ecs
}

// findType looks up a type, nil for one that ECS doesn't know.
func findType(name string) *indicatorType {
	if len(name) > maxTypeBytes {
		return nil
	}
	var buf [maxTypeBytes]byte
	return typesByKey[string(appendTypeKey(buf[:0], name))]
}

// appendTypeKey writes a type's name without case, spaces and hyphens:
// appliances write SHA-256 as well as SHA256.
func appendTypeKey(key []byte, name string) []byte {
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == ' ', c == '-', c == '_', c == '.':
		case 'A' <= c && c <= 'Z':
			key = append(key, c+'a'-'A')
		default:
			key = append(key, c)
		}
	}
	return key
}

// leftOut notes that the value doesn't fit into a field of threat.indicator.
func (o *observable) leftOut(field, why string) {
	o.ind.problem(fmt.Sprintf("threat.indicator.%s was left out: %s %s", field, quote(o.value), why))
}

// relate makes one of the lists of related, the only one of an indicator.
func (o *observable) relate(list string, values ...string) {
	o.related = o.nest(list, values)
}

// trimmed returns the value without surrounding white space for a field.
func (o *observable) trimmed() any {
	if len(o.value) == len(o.ind.Value) {
		return o.name
	}
	return o.value
}
