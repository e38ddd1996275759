// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

// TestHostile has what may be sent to do harm. Each costs bounded time and
// memory, is published, and says what was left out.
func TestHostile(t *testing.T) {
	beattest.SkipUnderRace(t, "nothing runs side by side")
	many := func(n int, element func(i int) string) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(element(i))
		}
		return b.String()
	}
	const mega = 1 << 20
	for _, tc := range []struct {
		name, raw string
		// says are parts of error.message.
		says []string
	}{
		{
			"a million attributes of one name",
			`{"id":1,"attributes":[` + many(1_000_000, func(i int) string { return fmt.Sprintf(`{"name":"a","value":"%d"}`, i) }) + `]}`,
			[]string{"attributes after the first 10000 were left out"},
		},
		{
			"a hundred thousand attributes of different names",
			`{"id":1,"attributes":[` + many(100_000, func(i int) string { return fmt.Sprintf(`{"name":"a%d","value":"v"}`, i) }) + `]}`,
			[]string{"attributes after the first 10000 were left out"},
		},
		{
			"long attributes",
			`{"id":1,"attributes":[` + many(70, func(i int) string {
				return fmt.Sprintf(`{"name":"%s%d","value":"%s%d"}`, strings.Repeat("n", 5000), i, strings.Repeat("v", 140_000), i)
			}) + `]}`,
			[]string{"the name of an attribute was cut to its first 256 bytes", "the value of an attribute was cut to its first 131072 bytes", "attributes after the first 1048576 bytes of them were left out"},
		},
		{
			"a hundred thousand sources and adversaries",
			`{"id":1,"sources":[` + many(100_000, func(i int) string { return fmt.Sprintf(`{"name":"s%d","tlp_name":"x%d"}`, i, i) }) +
				`],"adversaries":[` + many(100_000, func(i int) string { return fmt.Sprintf(`{"name":"a%d"}`, i) }) + `]}`,
			[]string{"sources after the first 1000 were left out", "adversaries after the first 1000 were left out"},
		},
		{
			"long sources and adversaries",
			`{"id":1,"sources":[` + many(30, func(i int) string { return fmt.Sprintf(`{"name":"%d%s"}`, i, strings.Repeat("s", 100_000)) }) +
				`],"adversaries":[` + many(30, func(i int) string { return fmt.Sprintf(`{"name":"%d%s"}`, i, strings.Repeat("a", 100_000)) }) + `]}`,
			[]string{"sources after the first 1048576 bytes of them were left out", "adversaries after the first 1048576 bytes of them were left out"},
		},
		{
			"a value of 10 MB",
			`{"id":1,"value":"http://example.com/` + strings.Repeat("x", 10*mega) + `","type":{"name":"URL"}}`,
			[]string{"value was cut to its first 131072 bytes"},
		},
		{
			"a value of 6 MB in escapes",
			`{"id":1,"value":"` + strings.Repeat(`\u2603`, mega) + `","type":{"name":"FQDN"}}`,
			[]string{"value was cut to its first 131072 bytes", "threat.indicator.url.domain was left out"},
		},
		{
			"names of 2 MB",
			`{"id":1,"type":{"name":"` + strings.Repeat("t", 2*mega) + `"},"status":{"name":"` + strings.Repeat("s", 2*mega) + `"},"` + strings.Repeat("k", 2*mega) + `":0}`,
			[]string{"type was cut", "status was cut"},
		},
		{
			"numbers and dates of 2 MB",
			`{"id":1,"indicator_id":` + strings.Repeat("1", 2*mega) + `,"score":` + strings.Repeat("9", 2*mega) + `,"created_at":"` + strings.Repeat("2", 2*mega) + `"}`,
			[]string{"indicator_id was left out", "score was left out", "created_at was left out"},
		},
		{
			"more problems than anybody reads",
			`{"id":1,"sources":[` + many(40, func(i int) string { return fmt.Sprintf(`{"tlp_name":"%dx%s"}`, i, strings.Repeat("\\u0007", 5000*i)) }) + `]}`,
			[]string{"more was left out", "sources.tlp_name was cut"},
		},
		{
			"invalid UTF-8 of 4 MB",
			`{"id":1,"value":"` + strings.Repeat("\xff", 4*mega) + `","type":{"name":"URL"}}`,
			[]string{"value was cut"},
		},
		{
			"keys that collide",
			`{"id":1,"attributes":[{"name":"a","value":"1"},{"name":"a.b","value":"2"},{"name":"a.b.c","value":"3"},{"name":"@timestamp","value":"4"},{"name":"$ref","value":"5"}]}`,
			nil,
		},
		{
			"two hundred thousand keys",
			`{"id":1,` + many(200_000, func(int) string { return `"a":1` }) + `}`,
			nil,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := []byte(tc.raw)
			m := testMapper(func(c *MapperConfig) { c.PreserveOriginal = true })
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			event, err := m.Event(raw, testFetched)
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			require.NoError(t, err)
			checkEvent(t, raw, event, err)

			// Very generous: these take some 50 ms, where a quadratic search
			// would take minutes, and no more memory than the bounds and a decoded
			// copy of the longest string, in which a byte may have become three.
			assert.Less(t, took, 20*time.Second)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(12*len(raw)+32*mega))

			encoded := encodeEvent(t, event)
			message, _ := flatten(encoded)["error.message"].(string)
			for _, says := range tc.says {
				assert.Contains(t, message, says)
			}
			assert.Less(t, len(message), 8192)
			original, err := event.GetValue("event.original")
			require.NoError(t, err)
			assert.LessOrEqual(t, len(original.(string)), 3*maxOriginalBytes)
			if len(raw) <= maxOriginalBytes {
				assert.Equal(t, strings.ToValidUTF8(tc.raw, "\uFFFD"), original)
			} else {
				assert.Contains(t, message, "event.original was cut to its first 8388608 bytes")
			}
		})
	}
}

// TestScratchIsGivenBack makes sure that the mapper does not keep the memory
// that one very large indicator needed.
func TestScratchIsGivenBack(t *testing.T) {
	b := testMapper().newBuilder()
	monster := []byte(`{"id":1,"value":"` + strings.Repeat(`\n`, 1<<20) + `","attributes":[` +
		strings.Repeat(`{"name":"a","value":"b"},`, 20_000) + `{}],"sources":[` + strings.Repeat(`{},`, 2000) + `{}]}`)
	require.NoError(t, b.read(monster))
	require.NoError(t, b.read(sampleIndicator(0)))
	assert.LessOrEqual(t, cap(b.ind.Attributes), 256)
	assert.LessOrEqual(t, cap(b.ind.Sources), 256)

	for i := range 2 * maxCachedNames {
		require.NoError(t, b.read(fmt.Appendf(nil, `{"id":1,"attributes":[{"name":"n%d","value":1},{"name":"%s","value":1}]}`, i, bytes.Repeat([]byte("x"), i))))
	}
	assert.LessOrEqual(t, len(b.names), maxCachedNames)
	for name := range b.names {
		assert.LessOrEqual(t, len(name), maxCachedNameBytes)
	}
}
