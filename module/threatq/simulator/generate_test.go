// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
)

func TestSameSeedSameBytes(t *testing.T) {
	cfg := testConfig(500)
	cfg.Untidy, cfg.Unreadable = 0.5, 0.05
	one, two := newSimulator(t, cfg), newSimulator(t, cfg)
	for _, s := range []*Simulator{one, two} {
		s.Touch(20)
		s.Add(10)
		s.touch(30, true)
	}
	cfg.Seed++
	other := newSimulator(t, cfg)
	different := 0
	for i := range 500 {
		require.Equal(t, string(one.Indicator(i)), string(two.Indicator(i)))
		if !bytes.Equal(one.Indicator(i), other.Indicator(i)) {
			different++
		}
	}
	assert.Greater(t, different, 450)
	assert.Nil(t, one.Indicator(510))
	assert.Nil(t, one.Indicator(-1))
}

// TestNewTypeShiftsNoOtherIndicator appends a type as a later version would: what isn't of the new type keeps its bytes.
func TestNewTypeShiftsNoOtherIndicator(t *testing.T) {
	const weight = 3
	before, after := newSimulator(t, testConfig(1000)), newSimulator(t, testConfig(1000))
	later := indicatorType{ID: 35, Name: "Wallet Address", Class: "network", Weight: weight, value: values["string"]}
	after.gen.types = newSchedule(append(slices.Clone(samples.Types), later))
	taken := 0
	for e := range after.Expected() {
		if e.Type == later.Name {
			taken++
			continue
		}
		require.Equal(t, string(before.Indicator(e.Index)), string(after.Indicator(e.Index)))
	}
	assert.Equal(t, weight*10, taken)
}

// TestContentHasEverything looks for all that a collection has to hold in few indicators, so that small tests meet it.
func TestContentHasEverything(t *testing.T) {
	beattest.SkipUnderRace(t, "nothing runs side by side")
	for seed := range uint64(20) {
		cfg := testConfig(1000)
		cfg.Seed = seed
		s := newSimulator(t, cfg)
		types, statuses, expiry := map[string]int{}, map[string]int{}, map[string]int{}
		values := map[string]int{}
		relation := func(d time.Time) string {
			switch {
			case d.IsZero():
				return "none"
			case d.After(testBase):
				return "future"
			}
			return "past"
		}
		for e := range s.Expected() {
			require.True(t, e.Readable)
			require.False(t, e.Misfit)
			if e.Index < 100 {
				types[e.Type]++
			}
			statuses[e.Status]++
			expiry[relation(e.ExpiresAt)+"/"+relation(e.ExpiredAt)]++
			values[e.Type+e.Value]++
			require.False(t, e.UpdatedAt.After(testBase))
			require.False(t, e.PublishedAt.After(e.UpdatedAt))
			require.False(t, e.CreatedAt.After(e.PublishedAt))
		}
		assert.Len(t, types, len(Types()), "every type is among the first hundred")
		assert.Len(t, statuses, len(Statuses()))
		assert.Len(t, expiry, 9, "%v", expiry)
		assert.Greater(t, len(values), 850, "most values are unique")
		for v, n := range values {
			limited := strings.HasPrefix(v, "IP Address") || strings.HasPrefix(v, "ASN") || strings.HasPrefix(v, "CIDR Block")
			assert.True(t, n == 1 || limited, "%s occurs %d times", v, n)
		}
	}
}

// TestTidyIndicatorsHaveTheKeysOfTheExample compares with the keys of an indicator of a real appliance.
func TestTidyIndicatorsHaveTheKeysOfTheExample(t *testing.T) {
	raw, err := os.ReadFile("testdata/keys.json")
	require.NoError(t, err)
	var want map[string]any
	require.NoError(t, json.Unmarshal(raw, &want))
	s := newSimulator(t, testConfig(200))
	size := 0
	for i := range s.Len() {
		indicator := s.Indicator(i)
		size += len(indicator)
		var got map[string]any
		require.NoError(t, json.Unmarshal(indicator, &got))
		for key, want := range want {
			require.Contains(t, got, key)
			if key != "adversaries" { // mostly empty
				require.Equal(t, want, typeOf(got[key]), key)
			}
		}
	}
	assert.InDelta(t, 1600, size/s.Len(), 150, "the average size in bytes")
}

// shapeOf describes a JSON value: its type, and for a list or an object those
// of the values within.
func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case float64:
		return "number"
	case []any:
		if len(v) == 0 || len(v[0].(map[string]any)) < 4 {
			return "list"
		}
		return "list of " + typeOf(v[0])
	case map[string]any:
		var names []string
		for name := range v {
			if !strings.HasPrefix(name, "tlp_") {
				names = append(names, name)
			}
		}
		sort.Strings(names)
		return strings.Join(names, ",")
	}
	return fmt.Sprintf("%T", v)
}

var (
	ipv4InText   = regexp.MustCompile(`\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b`)
	domainInText = regexp.MustCompile(`[a-z0-9-]+\.(?:com|net|org)\b`)
	ipv6InText   = regexp.MustCompile(`\b[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){4,7}`)
)

func TestValuesComeFromDocumentationRanges(t *testing.T) {
	beattest.SkipUnderRace(t, "nothing runs side by side")
	var networks []netip.Prefix
	for _, n := range []string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"} {
		networks = append(networks, netip.MustParsePrefix(n))
	}
	inRange := func(text string) bool {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return false
		}
		for _, n := range networks {
			if n.Contains(addr) {
				return true
			}
		}
		return false
	}
	s := newSimulator(t, testConfig(5000))
	for e := range s.Expected() {
		for _, ip := range ipv4InText.FindAllString(e.Value, -1) {
			require.True(t, inRange(ip), e.Value)
		}
		switch e.Type {
		case "IP Address", "IPv6 Address", "CIDR Block", "URL":
			for _, ip := range ipv6InText.FindAllString(e.Value, -1) {
				require.True(t, strings.HasPrefix(ip, "2001:db8:"), e.Value)
			}
		case "ASN":
			n, err := strconv.Atoi(strings.TrimPrefix(e.Value, "AS"))
			require.NoError(t, err)
			require.True(t, 64496 <= n && n <= 64511 || 65536 <= n && n <= 65551, e.Value)
		}
		switch e.Type {
		case "IP Address":
			_, err := netip.ParseAddr(e.Value)
			_, portErr := netip.ParseAddrPort(e.Value)
			require.True(t, err == nil || portErr == nil, e.Value)
		case "IPv6 Address":
			require.True(t, inRange(e.Value), e.Value)
		case "CIDR Block":
			prefix, err := netip.ParsePrefix(e.Value)
			require.NoError(t, err)
			require.Equal(t, prefix, prefix.Masked(), "%s has host bits", e.Value)
			require.True(t, inRange(prefix.Addr().String()), e.Value)
		}
		if e.Type != "Filename" && e.Type != "File Path" && e.Type != "Email Attachment" {
			for _, domain := range domainInText.FindAllString(e.Value, -1) {
				require.Contains(t, docDomains, domain, e.Value)
			}
		}
	}
}

// TestUpdatesKeepWhatAnIndicatorIs: the way in which an indicator carries its id must not change, because a consumer
// would take it for another indicator.
func TestUpdatesKeepWhatAnIndicatorIs(t *testing.T) {
	now := testBase
	cfg := testConfig(400)
	cfg.Untidy = 0.5
	cfg.Now = func() time.Time { return now }
	s := newSimulator(t, cfg)
	identity := func(i int) string {
		var o struct{ ID, IndicatorID, Value, Type, Created json.RawMessage }
		var m map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(s.Indicator(i), &m))
		o.ID, o.IndicatorID, o.Value, o.Type, o.Created = m["id"], m["indicator_id"], m["value"], m["type"], m["created_at"]
		return fmt.Sprintf("%s", o)
	}
	var before []string
	var expected []Expected
	for i := range s.Len() {
		before = append(before, identity(i))
		e, _ := s.ExpectedByID(int64(i + 1))
		expected = append(expected, e)
	}
	now = now.Add(200 * 24 * time.Hour)
	s.Touch(s.Len())
	for i := range s.Len() {
		assert.Equal(t, before[i], identity(i))
		e, _ := s.ExpectedByID(int64(i + 1))
		assert.Equal(t, now, e.UpdatedAt, "an update shows in updated_at, however untidy the indicator")
		e.UpdatedAt = expected[i].UpdatedAt
		assert.Equal(t, expected[i], e)
	}
	s.touch(s.Len(), true)
	changed := 0
	for i := range s.Len() {
		assert.Equal(t, before[i], identity(i))
		if e, _ := s.ExpectedByID(int64(i + 1)); e.Status != expected[i].Status {
			changed++
		}
	}
	assert.Greater(t, changed, 20, "some updates change the state")
}

func TestPut(t *testing.T) {
	s := newSimulator(t, testConfig(10))
	expires := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	require.NoError(t, s.Put(4, Fields{"type": "FQDN", "value": "x.example.com", "expires_at": expires}))
	require.NoError(t, s.Put(4, Fields{"status": "Review", "expired_at": nil}))
	e, ok := s.ExpectedByID(4)
	require.True(t, ok)
	assert.Equal(t, "FQDN", e.Type)
	assert.Equal(t, "x.example.com", e.Value)
	assert.Equal(t, "Review", e.Status)
	assert.Equal(t, expires, e.ExpiresAt)
	assert.Equal(t, testBase, e.UpdatedAt)
	assert.True(t, e.ExpiredAt.IsZero())

	for _, raw := range []string{`{"id": 4, "value": "a\u0000b"}`, `{"broken`, `17`, ``} {
		require.NoError(t, s.PutRaw(4, []byte(raw)))
		assert.Equal(t, raw, string(s.Indicator(3)))
		e, _ := s.ExpectedByID(4)
		assert.Equal(t, strings.HasPrefix(raw, `{"id"`), e.Readable)
		assert.EqualValues(t, 4, e.ID)
	}
	require.NoError(t, s.Put(4, Fields{"value": "y.example.com"}))
	e, _ = s.ExpectedByID(4)
	assert.True(t, e.Readable)
	assert.Equal(t, "y.example.com", e.Value)

	assert.ErrorContains(t, s.Put(99, Fields{}), "changing indicator 99: the collection holds no indicator with id 99")
	assert.ErrorContains(t, s.PutRaw(0, nil), "no indicator with id 0")
	assert.ErrorContains(t, s.Put(4, Fields{"status": "Gone"}), `status "Gone" is unknown, it must be one of ["Expired"`)
	assert.ErrorContains(t, s.Put(4, Fields{"type": "Smell"}), `type "Smell" is unknown`)
	assert.ErrorContains(t, s.Put(4, Fields{"score": make(chan int)}), `encoding the value of "score"`)
	assert.ErrorContains(t, s.Remove(4, 99), "removing 2 indicators")
	assert.Equal(t, 10, s.Len(), "nothing was removed")
}

func FuzzAppendQuoted(f *testing.F) {
	for _, seed := range []string{"", "a/b\\\"\n\t\x00\x1f", "Résumé 標本 ✉"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "")
		var got string
		require.NoError(t, json.Unmarshal(appendQuoted(nil, s), &got))
		require.Equal(t, s, got)
	})
}

// heap returns the bytes in use after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestMemoryOfAMillionIndicators measures the heap: at the start, with pages served, and with all indicators updated.
func TestMemoryOfAMillionIndicators(t *testing.T) {
	beattest.SkipUnderRace(t, "measures memory")
	const n, mb = 1_000_000, 1 << 20
	before := heap()
	cfg := testConfig(n)
	cfg.Untidy = DefaultUntidy
	s := newSimulator(t, cfg)
	assert.Less(t, heap()-before, int64(1*mb))

	for i := 0; i < n; i += n / 50 {
		req := pageRequest{mark: "m", limit: 1000, fields: testFields}
		req.after = position{s.gen.baseSec(i), s.id(i)}
		p := s.page(req)
		require.Equal(t, 1000, p.indicators)
	}
	assert.Less(t, heap()-before, int64(10*mb))

	s.Touch(n / 2)
	used := heap() - before
	t.Logf("a million indicators of which half were updated: %d MiB", used/mb)
	assert.Less(t, used, int64(200*mb))
	runtime.KeepAlive(s)
}

func BenchmarkPage(b *testing.B) {
	for _, test := range []struct {
		name  string
		cache int64
	}{{"computed", 0}, {"cached", 64 << 20}} {
		b.Run(test.name, func(b *testing.B) {
			cfg := testConfig(1_000_000)
			cfg.PageCacheBytes = test.cache
			s := newSimulator(b, cfg)
			req := pageRequest{mark: StartMark, after: startPosition, limit: 1000, fields: testFields}
			b.ReportAllocs()
			for b.Loop() {
				b.SetBytes(int64(len(s.page(req).body)))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/indicator")
		})
	}
}

func BenchmarkUpdate(b *testing.B) {
	s := newSimulator(b, testConfig(1_000_000))
	for b.Loop() {
		s.Touch(100)
	}
}
