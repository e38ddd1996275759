// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/common"
	jsoncodec "github.com/elastic/beats/v7/libbeat/outputs/codec/json"
	"github.com/elastic/beats/v7/libbeat/processors/actions/addfields"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/mapstr"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

func TestUnreadable(t *testing.T) {
	for _, tc := range []struct{ name, raw, err string }{
		{"nothing", "", "it is empty"},
		{"white space", " \n", "it is empty"},
		{"null", "null", "it is null instead of an object"},
		{"an array", `[{"id":1}]`, "it is an array instead of an object"},
		{"a string", `"336"`, "it is a string instead of an object"},
		{"a number", "336", "it is a number instead of an object"},
		{"a boolean", "true", "it is a boolean instead of an object"},
		{"no JSON", "<html>", "invalid JSON at byte 0: '<' instead of a value"},
		{"cut", `{"id":336,"value":"192.0`, "the JSON text ends too early"},
		{"more after the end", `{"id":336}}`, "invalid JSON at byte 10: '}' instead of the end of the text"},
		{"broken in a part that is not used", `{"id":336,"unused":{"a":[1,2,}]}}`, "invalid JSON at byte 29: '}' instead of a value"},
		{"no id", `{"value":"192.0.2.1"}`, "it has neither an id nor an indicator_id that is an integer"},
		{"invalid UTF-8", "{\"id\":\xff}", "invalid JSON at byte 6: byte 0xff instead of a value"},
		{"a control character", "{\"id\":1,\"value\":\"a\nb\"}", "'\\n' instead of an escaped control character"},
		{"too deep", `{"id":1,"unused":` + strings.Repeat("[", 100_000), "nested more than 512 levels deep"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			event, err := testMapper().Event([]byte(tc.raw), testFetched)
			require.ErrorContains(t, err, tc.err)
			assert.ErrorContains(t, err, "reading the indicator: ")
			assert.Equal(t, map[string]any{
				"@timestamp":  "2024-08-02T06:46:26.556Z",
				"data_stream": map[string]any{"dataset": "ti_threatq.threat", "namespace": "default", "type": "logs"},
				"error":       map[string]any{"message": err.Error()},
				"event": map[string]any{
					"kind": "pipeline_error", "category": []any{"threat"}, "type": []any{"indicator"}, "module": "ti_threatq",
					"dataset": "ti_threatq.threat", "created": "2024-08-02T06:46:26.556Z", "original": strings.ToValidUTF8(tc.raw, "\uFFFD"),
				},
				"tags":   []any{"preserve_original_event"},
				"threat": map[string]any{"feed": map[string]any{"dashboard_id": "threatq-overview", "name": "ThreatQuotient"}},
			}, encodeEvent(t, event))
		})
	}
}

// The pipeline makes of a bare event what the mapper makes of one that is complete.
func TestBareEventsAreCompletedByThePipeline(t *testing.T) {
	complete, bare := testMapper(), testMapper(func(cfg *MapperConfig) { cfg.Bare = true })
	addFields := addfields.NewAddFields(bare.Common(), false, true)
	for name, event := range map[string]func(*Mapper) beat.Event{
		"an indicator": func(m *Mapper) beat.Event {
			event, _ := m.Event([]byte(`{"id":1,"value":"192.0.2.1"}`), testFetched)
			return event
		},
		"an unreadable one": func(m *Mapper) beat.Event {
			event, _ := m.Event([]byte(`[]`), testFetched)
			return event
		},
		"a retired one":  func(m *Mapper) beat.Event { return m.Retired(registry.Indicator{ID: 1, IndicatorID: 2}, testFetched) },
		"that is no one": func(m *Mapper) beat.Event { return m.Alive(testFetched) },
	} {
		made := event(bare)
		assert.NotContains(t, made.Fields, "data_stream", name)
		got, err := addFields.Run(&made)
		require.NoError(t, err)
		assert.Equal(t, event(complete), *got, name)
	}
}

func TestDuplicateKeys(t *testing.T) {
	event, err := testMapper().Event([]byte(`{"id":1,"value":"192.0.2.1","attributes":[{"name":"a","value":"1"}],"expires_at":"2024-01-01 00:00:00",
		"id":2,"value":"192.0.2.2","type":{"name":"FQDN","name":"IP Address"},"attributes":[{"name":"b","name":"c","value":"2"}],"expires_at":null}`), testFetched)
	require.NoError(t, err)
	flat := flatten(encodeEvent(t, event))
	assert.Equal(t, json.Number("2"), flat["threatq.id"])
	assert.Equal(t, "192.0.2.2", flat["threat.indicator.ip"])
	assert.Equal(t, []any{"2"}, flat["threatq.attributes.c"])
	for _, gone := range []string{"threatq.attributes.a", "threatq.attributes.b", "threatq.expires_at", "error.message"} {
		assert.NotContains(t, flat, gone)
	}
}

func TestPreserveOriginal(t *testing.T) {
	raw := []byte("{ \"id\" : 1,\t\"value\":\"\\u0041\\/\" , \"unknown\" : [ 1.50 ] }")
	event, err := testMapper(func(c *MapperConfig) { c.PreserveOriginal = true }).Event(raw, testFetched)
	require.NoError(t, err)
	doc := encodeEvent(t, event)
	assert.Equal(t, string(raw), flatten(doc)["event.original"])
	assert.Equal(t, []any{"preserve_original_event"}, doc["tags"])

	event, err = testMapper().Event(raw, testFetched)
	require.NoError(t, err)
	doc = encodeEvent(t, event)
	assert.NotContains(t, flatten(doc), "event.original")
	assert.NotContains(t, doc, "tags")
}

// TestConfiguredExpiration makes sure that the settings arrive.
func TestConfiguredExpiration(t *testing.T) {
	m := testMapper(func(c *MapperConfig) {
		c.ExpirationDuration = 12 * time.Hour
		c.ExpiredStatuses = []string{"Expired", "Whitelisted"}
		c.Namespace = "soc"
	})
	for status, want := range map[string][2]string{
		"Whitelisted": {"2024-01-01T00:00:00.000Z", reasonStatus("Whitelisted")},
		"Active":      {"2024-01-01T12:00:00.000Z", reasonDefault},
	} {
		event, err := m.Event(fmt.Appendf(nil, `{"id":1,"updated_at":"2024-01-01 00:00:00","status":{"name":%q}}`, status), testFetched)
		require.NoError(t, err)
		flat := flatten(encodeEvent(t, event))
		assert.Equal(t, want[0], flat["threatq.ioc_expired_at"])
		assert.Equal(t, want[1], flat["threatq.ioc_expiration_reason"])
		assert.Equal(t, "soc", flat["data_stream.namespace"])
	}
}

// TestEventsAreIndependent changes everything that can be changed in one event
// and expects another one of the same mapper, and the bytes of the page, to
// have nothing to do with it.
func TestEventsAreIndependent(t *testing.T) {
	m := testMapper(func(c *MapperConfig) { c.PreserveOriginal = true })
	for i := range 3 * len(sampleValues) {
		raw := sampleIndicator(i)
		first, err := m.Event(raw, testFetched)
		require.NoError(t, err)
		second, err := m.Event(raw, testFetched)
		require.NoError(t, err)
		want := encodeEvent(t, second)

		for j := range raw {
			raw[j] = '!'
		}
		spoil(reflect.ValueOf(first.Fields))
		assert.Equal(t, want, encodeEvent(t, second))
		third, err := m.Event(sampleIndicator(i), testFetched)
		require.NoError(t, err)
		assert.Equal(t, want, encodeEvent(t, third))
	}
}

// spoil overwrites the elements of each list and map below v.
func spoil(v reflect.Value) {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Map:
		for _, key := range v.MapKeys() {
			spoil(v.MapIndex(key))
			v.SetMapIndex(key, reflect.ValueOf("spoiled"))
		}
	case reflect.Slice:
		for i := range v.Len() {
			v.Index(i).SetString("spoiled")
		}
		if v.Cap() > v.Len() {
			v.Slice(0, v.Cap()).Index(v.Len()).SetString("spoiled")
		}
	default:
	}
}

// TestEventsAreNormal makes sure that Libbeat's normalisation of events, which
// costs as much as the mapping, has nothing to do for them.
func TestEventsAreNormal(t *testing.T) {
	converter := common.NewGenericEventConverter(false, logp.NewNopLogger())
	m := testMapper(func(c *MapperConfig) { c.PreserveOriginal = true })
	raws := append(samplePage(100), []byte("no JSON"), []byte(`{"id":1,"value":"192.0.2.1:443","type":{"name":"IP Address"},"score":"x","sources":[{"name":"S","tlp_name":"RED"}],"adversaries":["A"]}`))
	for _, raw := range raws {
		event, _ := m.Event(raw, testFetched)
		assert.Equal(t, event.Fields, converter.Convert(event.Fields.Clone()))
	}
}

func TestMapperConcurrently(t *testing.T) {
	m := testMapper()
	page := samplePage(50)
	want := make([]map[string]any, len(page))
	for i, raw := range page {
		event, err := m.Event(raw, testFetched)
		require.NoError(t, err)
		want[i] = encodeEvent(t, event)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i, raw := range page {
				event, err := m.Event(raw, testFetched)
				assert.NoError(t, err)
				assert.Equal(t, want[i], encodeEvent(t, event))
			}
		})
	}
	wg.Wait()
}

// TestAllocations bounds the allocations for an event.
func TestAllocations(t *testing.T) {
	beattest.SkipUnderRace(t, "measures memory")
	page := samplePage(64)
	var d decoder
	i := 0
	decode := testing.AllocsPerRun(1000, func() {
		assert.NoError(t, d.decode(page[i%len(page)]))
		i++
	})
	assert.LessOrEqual(t, decode, 1.0, "a decoded indicator")
	for most, m := range map[float64]*Mapper{70: testMapper(), 46: directMapper()} {
		event := testing.AllocsPerRun(1000, func() {
			_, err := m.Event(page[i%len(page)], testFetched)
			assert.NoError(t, err)
			i++
		})
		assert.LessOrEqual(t, event, most, "an event")
	}
}

// checkEvent has what is true of every event.
func checkEvent(t testing.TB, raw []byte, event beat.Event, err error) {
	t.Helper()
	encoded, encodeErr := jsoncodec.New("9.9.9", jsoncodec.Config{}).Encode("threatqbeat", &event)
	require.NoError(t, encodeErr)
	require.True(t, json.Valid(encoded), "%s", encoded)
	require.True(t, utf8.Valid(encoded))
	checkMapping(t, decodeDocument(t, encoded))

	fields := event.Fields
	text := func(key string) string {
		v, getErr := fields.GetValue(key)
		require.NoError(t, getErr, key)
		s, ok := v.(string)
		require.True(t, ok, key)
		return s
	}
	assert.Equal(t, Dataset, text("data_stream.dataset"))
	assert.Equal(t, Dataset, text("event.dataset"))
	assert.False(t, event.Timestamp.IsZero())
	checkKeys(t, fields)
	if err != nil {
		assert.Equal(t, kindPipelineError, text("event.kind"))
		assert.Contains(t, text("error.message"), err.Error())
		assert.LessOrEqual(t, len(text("event.original")), 3*maxOriginalBytes)
		return
	}
	assert.True(t, json.Valid(raw))
	assert.Equal(t, kindEnrichment, text("event.kind"))
	assert.NotEmpty(t, text("threatq.ioc_expiration_reason"))
	assert.NotEmpty(t, text("threat.indicator.type"))
	assert.NotEmpty(t, text("threat.indicator.confidence"))
	at, getErr := fields.GetValue("threatq.ioc_expired_at")
	require.NoError(t, getErr)
	require.IsType(t, common.Time{}, at)
	hasID, _ := fields.HasKey("threatq.id")
	hasIndicatorID, _ := fields.HasKey("threatq.indicator_id")
	assert.True(t, hasID || hasIndicatorID)
	// A byte that is no UTF-8 becomes three in each of the fields that a URL has.
	assert.Less(t, len(encoded), 30*len(raw)+4096, "an event has to stay in proportion to its indicator")
}

// checkKeys makes sure that no key nests when it should not, that no string is
// longer than a field could hold, and that all are valid UTF-8.
func checkKeys(t testing.TB, fields mapstr.M) {
	t.Helper()
	for key, value := range fields {
		assert.NotEmpty(t, key)
		assert.NotContains(t, key, ".")
		var texts []string
		switch v := value.(type) {
		case mapstr.M:
			checkKeys(t, v)
		case string:
			texts = []string{v}
		case []string:
			assert.NotEmpty(t, v)
			texts = v
		case int, int64:
		case common.Time:
			year := time.Time(v).Year()
			assert.True(t, 1 <= year && year <= 9999, key)
		default:
			t.Errorf("%s is a %T", key, value)
		}
		for _, text := range texts {
			assert.True(t, utf8.ValidString(text), key)
			if key != "original" && key != "message" {
				// Lower-casing and the ASCII form of a domain may add some.
				assert.LessOrEqual(t, len(text), 2*maxTextBytes, key)
			}
		}
	}
}

// FuzzEvent feeds the mapper with anything.
func FuzzEvent(f *testing.F) {
	for i := range 2 * len(sampleValues) {
		f.Add(sampleIndicator(i))
	}
	for _, text := range []string{
		`0`, `-1.5e5`, `null`, `true`, `[]`, `[[[]]]`, `{}`, `{"a":[1,{}]}`, `""`, `"\"\\\/\b\f\n\r\t"`, `"\uD83D\uDE00"`, `"\uD83D"`, "\"\xff\"",
		``, `{]`, `[1,,2]`, `"a`, `"\x"`, `01`, `1e`, `nul`, "\"\n\"", `1} {"a":1`,
	} {
		f.Add([]byte(`{"id":1,"value":` + text + `}`))
		f.Add([]byte(`{"id":1,"unused":` + text + `,"attributes":[{"name":"a","value":` + text + `}]}`))
	}
	for _, value := range []string{"http://[::1%25eth0]:80/a.b?c#d", "hxxp://example[.]com", "AS64496", "HKLM\\\\a", "[2001:db8::1]:443", "192.0.2.0/24", "xn--", "..", "b\\u00fccher.example", "/a/b.c"} {
		for _, kind := range []string{"IP Address", "FQDN", "URL", "ASN", "File Path", "Registry Key", "CIDR Block", "x509 Serial", "MD5"} {
			f.Add(fmt.Appendf(nil, `{"id":1,"type":{"name":"%s"},"value":"%s"}`, kind, value))
		}
	}
	preserve := func(c *MapperConfig) { c.PreserveOriginal = true }
	m, direct := testMapper(preserve), directMapper(preserve)
	f.Fuzz(func(t *testing.T, raw []byte) {
		received := bytes.Clone(raw)
		event, err := m.Event(raw, testFetched)
		assert.Equal(t, received, raw, "the mapper has no business with changing what it reads")
		checkEvent(t, raw, event, err)
		directEvent, directErr := direct.Event(raw, testFetched)
		assert.Equal(t, err, directErr)
		assert.Equal(t, encodeEvent(t, event), encodeEvent(t, directEvent))
	})
}
