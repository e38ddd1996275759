// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"encoding/json"
	"fmt"
)

// sampleValues has one ordinary value for each of the types that large
// collections consist of.
var sampleValues = []struct{ class, kind, value string }{
	{"network", "IP Address", "198.51.100.%d"},
	{"network", "FQDN", "host-%d.malware.example.com"},
	{"network", "URL", "https://www.example.org/download/%d/setup.exe?campaign=q1"},
	{"host", "MD5", "1ece659dcec98b1e1141160b%08x"},
	{"host", "SHA-256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b%08x"},
	{"network", "Email Address", "sender-%d@example.net"},
	{"host", "Filename", "invoice-%d.docm"},
	{"network", "CIDR Block", "203.0.113.%d/29"},
}

// sampleIndicator makes an indicator in the shape of the example, with two to
// four sources and five to eight attributes, some 1.6 to 2.3 kB of JSON.
func sampleIndicator(i int) []byte {
	v := sampleValues[i%len(sampleValues)]
	id := 1000 + i
	date := func(n int) string {
		return fmt.Sprintf("2024-%02d-%02d %02d:%02d:%02d", 1+(i+n)%12, 1+(i*7+n)%28, (i+n)%24, (i*3)%60, n%60)
	}
	names := []string{"Description", "Country", "Malware Family", "Confidence", "First Reported By", "Attack Phase", "Target Industry", "ASN"}
	var attributes []map[string]any
	for n := range 3 + i%3 {
		attributes = append(attributes, map[string]any{
			"attribute_id": n + 3, "created_at": date(1), "id": id*10 + n, "indicator_id": id, "name": names[(i+n)%len(names)],
			"touched_at": date(2), "updated_at": date(2), "value": fmt.Sprintf("Some value %d", (i+n)%50),
		})
	}
	var sources []map[string]any
	for n := range 1 + i%2 {
		sources = append(sources, map[string]any{
			"created_at": date(1), "creator_source_id": 12, "id": id, "indicator_id": id, "indicator_status_id": 2,
			"indicator_type_id": 15, "name": []string{"AlienVault OTX", "abuse.ch URLhaus", "CISA AIS"}[(i+n)%3],
			"published_at": date(1), "reference_id": 1, "source_expire_days": "30", "source_id": 12 + n, "source_score": 1,
			"source_type": "connectors", "tlp_name": []any{nil, "GREEN", "AMBER"}[(i+n)%3], "updated_at": date(3),
		})
	}
	b, err := json.Marshal(map[string]any{
		"adversaries": []any{}, "attributes": attributes, "class": v.class, "created_at": date(0),
		"expires_calculated_at": date(5), "hash": "1ece659dcec98b1e1141160b55655c96", "id": id, "published_at": date(0),
		"score": i % 11, "sources": sources, "status": map[string]any{"description": "Poses a threat", "id": 2, "name": "Active"},
		"status_id": 2, "touched_at": date(4), "type": map[string]any{"class": v.class, "id": 15, "name": v.kind}, "type_id": 15,
		"updated_at": date(2), "value": fmt.Sprintf(v.value, i%250),
	})
	if err != nil {
		panic(err)
	}
	return b
}

// samplePage makes n indicators.
func samplePage(n int) [][]byte {
	page := make([][]byte, n)
	for i := range page {
		page[i] = sampleIndicator(i)
	}
	return page
}
