// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"fmt"

	"github.com/elastic/elastic-agent-libs/mapstr"
)

// observable is what an indicator is about, on its way to the fields of
// threat.indicator that its type has in ECS.
type observable struct {
	ind *indicator
	// fields is threat.indicator.
	fields mapstr.M
	// related is related.*, nil as long as nothing was put there.
	related mapstr.M
	// value is the indicator's value without surrounding white space; name is
	// the value as received, for a field, or nil where there is none.
	value string
	name  any
}

// kind is what one of ThreatQ's indicator types is in ECS.
type kind struct {
	// stix is the threat.indicator.type.
	stix string
	// put sets the fields of the type, nil where it has none. It may correct
	// the threat.indicator.type.
	put func(*observable)
}

// kinds has ThreatQ's indicator types by their names as typeKey writes them.
// One that isn't here is unknown to ECS.
var kinds = map[string]kind{
	"ipaddress":       {"ipv4-addr", (*observable).putIP},
	"ipv6address":     {"ipv6-addr", (*observable).putIP},
	"cidrblock":       {"ipv4-addr", (*observable).putNetwork},
	"fqdn":            {"domain-name", (*observable).putDomain},
	"url":             {"url", (*observable).putURL},
	"urlpath":         {"url", (*observable).putURLPath},
	"md5":             {"file", putHash("md5", 32)},
	"sha1":            {"file", putHash("sha1", 40)},
	"sha256":          {"file", putHash("sha256", 64)},
	"sha384":          {"file", putHash("sha384", 96)},
	"sha512":          {"file", putHash("sha512", 128)},
	"fuzzyhash":       {"file", (*observable).putFuzzyHash},
	"filename":        {"file", (*observable).putFilename},
	"filepath":        {"file", (*observable).putFilePath},
	"emailaddress":    {"email-addr", (*observable).putEmail},
	"emailsubject":    {"email-message", nil},
	"emailattachment": {"file", (*observable).putFilename},
	"registrykey":     {"windows-registry-key", (*observable).putRegistry},
	"mutex":           {"mutex", nil},
	"macaddress":      {"mac-addr", nil},
	"asn":             {"autonomous-system", (*observable).putASN},
	"username":        {"user-account", nil},
	"x509serial":      {"x509-certificate", (*observable).putSerial},
	"x509subject":     {"x509-certificate", (*observable).putSubject},
	"cve":             {"vulnerability", nil},
}

const (
	stixUnknown = "unknown"
	stixIPv4    = "ipv4-addr"
	stixIPv6    = "ipv6-addr"

	// maxTypeBytes is more than the longest name in kinds.
	maxTypeBytes = 32
)

// describe sets threat.indicator.type and the fields that belong to it.
func (o *observable) describe() {
	k, ok := findKind(o.ind.Type)
	if !ok {
		o.fields["type"] = stixUnknown
		return
	}
	o.fields["type"] = k.stix
	if k.put != nil && o.value != "" {
		k.put(o)
	}
}

// findKind looks up a type. Case, spaces and hyphens don't matter: appliances
// write SHA-256 as well as SHA256.
func findKind(name string) (kind, bool) {
	if len(name) > maxTypeBytes {
		return kind{}, false
	}
	var buf [maxTypeBytes]byte
	key := buf[:0]
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == ' ', c == '-', c == '_', c == '.':
		case 'A' <= c && c <= 'Z':
			key = append(key, c+'a'-'A')
		default:
			key = append(key, c)
		}
	}
	k, ok := kinds[string(key)]
	return k, ok
}

// leftOut notes that the value doesn't fit into a field of threat.indicator.
func (o *observable) leftOut(field, why string) {
	o.ind.problem(fmt.Sprintf("threat.indicator.%s was left out: %s %s", field, quoteText(o.value), why))
}

// relate adds values to one of the lists of related.
func (o *observable) relate(list string, values ...string) {
	if o.related == nil {
		o.related = make(mapstr.M, 1)
	}
	o.related[list] = values
}

// trimmed returns the value without surrounding white space for a field.
func (o *observable) trimmed() any {
	if len(o.value) == len(o.ind.Value) {
		return o.name
	}
	return o.value
}
