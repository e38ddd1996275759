// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// maxTerm is the longest term that Lucene indexes, in bytes. A longer one costs
// its whole document.
const maxTerm = 32766

// fieldMapping is what the index template says of one field.
type fieldMapping struct {
	Type        string
	Value       *string
	Index       *bool
	IgnoreAbove int `json:"ignore_above"`
	Properties  map[string]fieldMapping
}

var mappedFields = sync.OnceValues(func() (map[string]fieldMapping, error) {
	file, err := os.ReadFile("../assets/mapping_source.json")
	if err != nil {
		return nil, err
	}
	var root fieldMapping
	if err := json.Unmarshal(file, &root); err != nil {
		return nil, err
	}
	flat := map[string]fieldMapping{}
	var walk func(prefix string, fields map[string]fieldMapping)
	walk = func(prefix string, fields map[string]fieldMapping) {
		for name, field := range fields {
			if field.Type == "" {
				walk(prefix+name+".", field.Properties)
			} else {
				flat[prefix+name] = field
			}
		}
	}
	walk("", root.Properties)
	return flat, nil
})

// checkMapping makes sure that Elasticsearch takes a document as it is: each
// field is one of the mapping, and holds what its type can.
func checkMapping(t testing.TB, doc map[string]any) {
	t.Helper()
	mapped, err := mappedFields()
	require.NoError(t, err)
	const flattened = "threatq.attributes"
	if threatq, ok := doc["threatq"].(map[string]any); ok && threatq["attributes"] != nil {
		attributes, ok := threatq["attributes"].(map[string]any)
		require.True(t, ok)
		limit := mapped[flattened].IgnoreAbove
		for key, values := range attributes {
			require.NotContains(t, key, "\x00")
			require.NotContains(t, key, ".")
			// The term is the key, a zero byte and the value.
			require.LessOrEqual(t, len(key)+1+3*limit, maxTerm)
			for _, value := range values.([]any) {
				require.IsType(t, "", value)
			}
		}
		delete(threatq, "attributes")
		defer func() { threatq["attributes"] = attributes }()
	}
	for name, value := range flatten(doc) {
		field, ok := mapped[name]
		require.True(t, ok, "the mapping has no %s", name)
		values, isList := value.([]any)
		if !isList {
			values = []any{value}
		}
		for _, v := range values {
			if number, ok := v.(json.Number); ok {
				_, err := number.Int64()
				require.Equal(t, "long", field.Type, name)
				require.NoError(t, err, name)
				continue
			}
			text, ok := v.(string)
			require.True(t, ok, "%s is %T", name, v)
			switch field.Type {
			case "ip":
				addr, err := netip.ParseAddr(text)
				require.NoError(t, err, name)
				require.Empty(t, addr.Zone(), name)
			case "date":
				_, err := time.Parse("2006-01-02T15:04:05.000Z", text)
				require.NoError(t, err, name)
			case "constant_keyword":
				if field.Value != nil {
					require.Equal(t, *field.Value, text, name)
				}
			case "keyword":
				if field.Index == nil || *field.Index {
					require.Positive(t, field.IgnoreAbove, name)
					// It counts in units of UTF-16, of at most 3 bytes each.
					require.LessOrEqual(t, 3*field.IgnoreAbove, maxTerm, name)
				}
			case "wildcard", "match_only_text":
			default:
				t.Errorf("%s is a string, its type is %s", name, field.Type)
			}
		}
	}
}

// TestLongValuesAreKept makes sure that a value which is too long to be indexed
// still reaches the output whole.
func TestLongValuesAreKept(t *testing.T) {
	long := strings.Repeat("é", 50_000) // 100 kB, more than a column of text holds
	raw, err := json.Marshal(map[string]any{
		"id": 1, "value": "http://example.com/" + long, "type": map[string]any{"name": "URL"}, "description": long,
		"attributes": []any{map[string]any{"name": "Report", "value": long}},
	})
	require.NoError(t, err)
	event, err := testMapper().Event(raw, testFetched)
	require.NoError(t, err)
	doc := encodeEvent(t, event)
	checkMapping(t, doc)
	flat := flatten(doc)
	assert.NotContains(t, flat, "error.message")
	for _, name := range []string{"threat.indicator.name", "threatq.indicator_value", "threat.indicator.url.original", "threat.indicator.url.full"} {
		assert.True(t, flat[name] == "http://example.com/"+long, name)
	}
	assert.True(t, flat["threat.indicator.description"] == long)
	assert.Equal(t, []any{long}, flat["threatq.attributes.report"])
}
