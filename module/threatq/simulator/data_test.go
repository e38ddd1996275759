// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCollectionArrivesOnceInOrder(t *testing.T) {
	for _, limit := range []int{1, 7, 100, 1000} {
		a := startAppliance(t, testConfig(100)).login()
		var got []version
		last := a.drain(StartMark, limit, func(raw json.RawMessage) { got = append(got, readVersion(t, raw)) })

		var want []version
		for e := range a.Expected() {
			want = append(want, version{e.ID, e.UpdatedAt.Format(time.DateTime)})
		}
		require.Equal(t, want, got, "limit %d", limit)
		require.Len(t, got, 100)
		assert.Equal(t, last, a.page(last, limit).NextCursorMark, "an empty page returns the mark that was sent")
		stats := a.Stats()
		assert.Empty(t, stats.Refetched())
		assert.Equal(t, 100, stats.Indicators)
		assert.Equal(t, 1, stats.Tokens)
	}
}

func TestUpdatesAppearAfterTheLastMark(t *testing.T) {
	a := startAppliance(t, testConfig(50)).login()
	last := a.drain(StartMark, 20, func(json.RawMessage) {})
	before, _ := a.ExpectedByID(17)

	require.NoError(t, a.Update(17, 3))
	added := a.Add(2)
	require.NoError(t, a.Put(9, Fields{"status": "Expired", "score": nil, "x_new": 1}))
	require.NoError(t, a.Remove(30))

	var got []int64
	last = a.drain(last, 20, func(raw json.RawMessage) { got = append(got, readVersion(t, raw).ID) })
	assert.ElementsMatch(t, append([]int64{3, 9, 17}, added...), got)
	after, _ := a.ExpectedByID(17)
	assert.True(t, after.UpdatedAt.After(before.UpdatedAt))
	after.UpdatedAt = before.UpdatedAt
	assert.Equal(t, before, after, "an update changes nothing but updated_at")

	p := a.page(last, 20)
	assert.Empty(t, p.Data)
	assert.Equal(t, 51, *p.Total)
	assert.Equal(t, 51, a.Len())
	assert.Error(t, a.Update(30), "it was removed")
	_, ok := a.ExpectedByID(30)
	assert.False(t, ok)

	changed, _ := a.ExpectedByID(9)
	assert.Equal(t, "Expired", changed.Status)
	var object map[string]any
	require.NoError(t, json.Unmarshal(a.Indicator(8), &object))
	assert.Nil(t, object["score"])
	assert.EqualValues(t, 1, object["x_new"])
	assert.EqualValues(t, 1, object["status_id"])
}

// TestAnyInterleavingDeliversEveryVersion pages through a collection that changes at random, and checks what Solr's
// cursor promises: at the end the latest version of each indicator has arrived, and no version arrived twice.
func TestAnyInterleavingDeliversEveryVersion(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := newSimulator(t, testConfig(r.IntN(120)))
		latest := make(map[int64]string)
		seen := make(map[version]bool)
		mark, steps, limit := StartMark, 0, 1+r.IntN(25)
		for changes := 40; ; steps++ {
			require.Less(t, steps, 5000, "the collection never ends")
			for changes > 0 && r.IntN(3) > 0 {
				changes--
				switch r.IntN(5) {
				case 0:
					s.Add(r.IntN(3))
				case 1:
					if ids := s.Touch(1); len(ids) > 0 {
						require.NoError(t, s.Put(ids[0], Fields{"score": r.IntN(10)}))
					}
				case 2:
					if ids := s.Touch(1); len(ids) > 0 && r.IntN(3) == 0 {
						require.NoError(t, s.Remove(ids[0]))
					}
				default:
					s.Touch(r.IntN(12))
				}
			}
			after, err := s.marker.position(mark)
			require.NoError(t, err)
			p := s.page(pageRequest{mark: mark, after: after, limit: limit, fields: testFields})
			var body testPage
			require.NoError(t, json.Unmarshal(p.body, &body))
			for _, raw := range body.Data {
				v := readVersion(t, raw)
				if seen[v] {
					t.Fatalf("seed %d: %v arrives twice", seed, v)
				}
				if latest[v.ID] >= v.UpdatedAt {
					t.Fatalf("seed %d: %v arrives after its version of %s", seed, v, latest[v.ID])
				}
				seen[v] = true
				latest[v.ID] = v.UpdatedAt
			}
			if len(body.Data) == 0 {
				require.Equal(t, mark, body.NextCursorMark)
				if changes == 0 {
					break
				}
				changes--
				s.Touch(1)
			}
			mark = body.NextCursorMark
		}
		n := 0
		for e := range s.Expected() {
			n++
			require.Equal(t, e.UpdatedAt.Format(time.DateTime), latest[e.ID], "seed %d: indicator %d", seed, e.ID)
		}
		require.Equal(t, s.Len(), n)
	}
}

// TestWhoLeavesAndJoinsIsNotToldByTheCursor changes what the collection holds without any update: a client that has come
// to the end hears nothing of it, and one that begins anew gets what is there now, in order.
func TestWhoLeavesAndJoinsIsNotToldByTheCursor(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 2))
		cfg := testConfig(r.IntN(120))
		cfg.Seed = seed
		a := startAppliance(t, cfg).login()
		a.Touch(r.IntN(30))
		a.Add(r.IntN(5))
		end := a.drain(StartMark, 20, func(json.RawMessage) {})
		before := map[int64]Expected{}
		for e := range a.Expected() {
			before[e.ID] = e
		}

		var left, joined []int64
		for range r.IntN(6) {
			left = append(left, a.Leave(r.IntN(10))...)
			joined = append(joined, a.Join(r.IntN(10))...)
		}
		if len(left) > 3 {
			require.NoError(t, a.Rejoin(left[:3]...))
			left = left[3:]
		}
		assert.Empty(t, a.page(end, 20).Data, "seed %d", seed)
		require.Equal(t, len(before)-len(left)+len(joined), a.Len(), "seed %d", seed)

		var got, want []version
		a.drain(StartMark, 1+r.IntN(20), func(raw json.RawMessage) { got = append(got, readVersion(t, raw)) })
		for e := range a.Expected() {
			want = append(want, version{e.ID, e.UpdatedAt.Format(time.DateTime)})
			if old, ok := before[e.ID]; ok {
				require.Equal(t, old, e, "nobody changes by leaving")
			}
		}
		require.Equal(t, want, got, "seed %d", seed)
		require.Error(t, a.Rejoin(-1))
	}
}

func TestMarks(t *testing.T) {
	m := newMarker("one")
	for _, p := range []position{startPosition, {0, 1}, {1 << 40, 1 << 60}, {-5, 3}} {
		for _, salt := range []uint16{0, 1, 65535} {
			mark := m.mark(p, salt)
			got, err := m.position(mark)
			require.NoError(t, err)
			assert.Equal(t, p, got)
			if mark != StartMark {
				assert.Equal(t, salt, m.salt(mark))
				for _, c := range "+/=" {
					assert.True(t, strings.ContainsRune(mark, c), "%s has no %c", mark, c)
				}
			}
		}
	}
	good := m.mark(position{1, 2}, 0)
	for name, mark := range map[string]string{
		"empty":              "",
		"garbage":            "garbage",
		"not decoded":        strings.ReplaceAll(good, "+", " "),
		"cut":                good[:len(good)-4],
		"changed":            good[:10] + "zz" + good[12:],
		"another collection": newMarker("two").mark(position{1, 2}, 0),
	} {
		_, err := m.position(mark)
		assert.Error(t, err, name)
	}
}

func TestMarkOfAnEarlierProcess(t *testing.T) {
	first := startAppliance(t, testConfig(30)).login()
	require.NotEmpty(t, first.Touch(5))
	last := first.drain(StartMark, 10, func(json.RawMessage) {})

	second := startAppliance(t, testConfig(30)).login()
	assert.Empty(t, second.page(last, 10).Data)
	ids := second.Touch(1)
	p := second.page(last, 10)
	require.Len(t, p.Data, 1, "an update comes behind a mark that was handed out by the process before")
	assert.Equal(t, ids[0], readVersion(t, p.Data[0]).ID)
}

func TestDataRequestsThatAreRefused(t *testing.T) {
	a := startAppliance(t, testConfig(30)).login()
	for _, test := range []struct {
		name   string
		change func(*http.Request)
		status int
	}{
		{"no token", func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		{"unknown token", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 401},
		{"unknown collection", func(r *http.Request) { r.URL.Path = DataPath + "ffff" }, 404},
		{"unknown path", func(r *http.Request) { r.URL.Path = "/api/indicators" }, 404},
		{"control API is off", func(r *http.Request) { r.URL.Path = "/_simulator/stats" }, 404},
		{"method", func(r *http.Request) { r.Method = http.MethodPut }, 405},
		{"sort", func(r *http.Request) { r.URL.RawQuery = "sort=value" }, 400},
		{"limit 0", func(r *http.Request) { r.URL.RawQuery = "limit=0" }, 400},
		{"limit x", func(r *http.Request) { r.URL.RawQuery = "limit=x" }, 400},
		{"mark", func(r *http.Request) { r.URL.RawQuery = "cursorMark=garbage" }, 400},
		{"mark not encoded", func(r *http.Request) { r.URL.RawQuery = "cursorMark=" + a.page(StartMark, 5).NextCursorMark }, 400},
		{"empty mark", func(r *http.Request) { r.URL.RawQuery = "cursorMark=" }, 400},
	} {
		req := a.request(StartMark, 10)
		test.change(req)
		resp, err := a.client.Do(req)
		require.NoError(t, err, test.name)
		var body struct {
			Errors []string `json:"errors"`
		}
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&body), test.name)
		resp.Body.Close()
		assert.Equal(t, test.status, resp.StatusCode, test.name)
		assert.NotEmpty(t, body.Errors, test.name)
	}
}

func TestLimitsOfPages(t *testing.T) {
	a := startAppliance(t, testConfig(maxPageSize+1)).login()
	assert.Len(t, a.page(StartMark, 30).Data, 30)
	assert.Len(t, a.page(StartMark, 2*maxPageSize).Data, maxPageSize)

	req := a.request(StartMark, 1)
	req.URL.RawQuery = ""
	resp, err := a.client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	var p testPage
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&p))
	assert.Len(t, p.Data, defaultPageSize)
	assert.Empty(t, p.NextCursorMark, "without a mark there is no cursor")
}

func TestFieldsParameter(t *testing.T) {
	s := newSimulator(t, testConfig(1))
	keysOf := func(fields string) []string {
		var body struct{ Data []map[string]json.RawMessage }
		p := s.page(pageRequest{mark: StartMark, after: startPosition, limit: 1, fields: fields})
		require.NoError(t, json.Unmarshal(p.body, &body))
		return slices.Sorted(maps.Keys(body.Data[0]))
	}
	for range 2 { // computed, then overridden
		assert.Contains(t, keysOf(testFields), "attributes")
		assert.Contains(t, keysOf(testFields), "sources")
		assert.NotContains(t, keysOf("*"), "attributes")
		assert.NotContains(t, keysOf("*"), "sources")
		assert.Contains(t, keysOf("*"), "adversaries")
		assert.NotContains(t, keysOf(""), "sources")
		assert.Equal(t, []string{"attributes", "id", "value"}, keysOf("value, id,attributes,nonsense"))
		require.NoError(t, s.Put(1, Fields{"score": 3}))
	}
}

// Members that are asked for by name leave out the others of their parent, and change nothing else.
func TestFieldsOfMembers(t *testing.T) {
	s := newSimulator(t, testConfig(200))
	read := func(fields string) (page []map[string]any) {
		var body struct {
			Data []map[string]any `json:"data"`
		}
		p := s.page(pageRequest{mark: StartMark, after: startPosition, limit: 200, fields: fields})
		require.NoError(t, json.Unmarshal(p.body, &body))
		return body.Data
	}
	all, some := read(testFields), read("*,sources,attributes.name,attributes.value,attributes.nonsense,nonsense.name,status.name")
	require.Len(t, some, len(all))
	attributes := 0
	for i := range all {
		want := all[i]
		list, _ := want["attributes"].([]any)
		for _, item := range list {
			attribute := item.(map[string]any)
			maps.DeleteFunc(attribute, func(name string, _ any) bool { return name != "name" && name != "value" })
			attributes += len(attribute)
		}
		if status, ok := want["status"].(map[string]any); ok {
			maps.DeleteFunc(status, func(name string, _ any) bool { return name != "name" })
		}
		require.Equal(t, want, some[i])
	}
	require.Positive(t, attributes)
}
