// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/version"

	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
	"github.com/threatqbeat/threatqbeat/module/threatq/setup"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// now is long after the simulator's indicators were updated, so that the default
// duration has ended some of them.
var verified = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fakeAlias answers the requests of verify as Elasticsearch does: a search after a
// point in time, sorted, with the identifiers as sort values.
type fakeAlias struct {
	t      *testing.T
	docs   []aliasHit
	view   []aliasHit
	opened int
	closed int
	refuse func(path string) (int, string)
	// onOpen changes what the alias holds before a view is opened.
	onOpen func(a *fakeAlias)
}

func (a *fakeAlias) GetVersion() version.V { return *version.MustNew("8.17.0") }
func (a *fakeAlias) IsServerless() bool    { return false }

func (a *fakeAlias) Request(method, path, _ string, params map[string]string, body any) (int, []byte, error) {
	if a.refuse != nil {
		if status, text := a.refuse(path); status == http.StatusOK {
			return status, []byte(text), nil
		} else if status != 0 {
			return status, []byte(text), errors.New(strconv.Itoa(status) + ": " + text)
		}
	}
	switch method + " " + path {
	case "POST /logs-ti_threatq_latest.threat/_pit?keep_alive=2m":
		a.opened++
		if a.onOpen != nil {
			a.onOpen(a)
		}
		a.view = slices.Clone(a.docs)
		slices.SortStableFunc(a.view, func(x, y aliasHit) int { return x.Indicator.Compare(y.Indicator) })
		return http.StatusOK, []byte(`{"id":"view-1"}`), nil
	case "DELETE /_pit":
		a.closed++
		return http.StatusOK, []byte(`{"succeeded":true}`), nil
	case "POST /_search":
		data, err := json.Marshal(body)
		require.NoError(a.t, err)
		var search struct {
			Size  int     `json:"size"`
			After []int64 `json:"search_after"`
			PIT   struct{ ID string }
		}
		require.NoError(a.t, json.Unmarshal(data, &search))
		require.Equal(a.t, "view-1", search.PIT.ID)
		from := 0
		if search.After != nil {
			from = int(search.After[2]) + 1
		}
		hits := []any{}
		for n := from; n < len(a.view) && len(hits) < search.Size; n++ {
			fields := map[string]any{}
			if v := a.view[n].version; v > registry.Undated {
				fields["threatq.updated_at"] = []string{fmt.Sprint(uint32(v)) + []string{"", ".274"}[n%2]}
			}
			hits = append(hits, map[string]any{"sort": []int64{a.view[n].ID, a.view[n].IndicatorID, int64(n)}, "fields": fields})
		}
		answer, err := json.Marshal(map[string]any{"pit_id": "view-1", "hits": map[string]any{"hits": hits}})
		return http.StatusOK, answer, err
	}
	a.t.Errorf("unexpected request %s %s", method, path)
	return http.StatusNotFound, []byte("{}"), errors.New("404")
}

func (a *fakeAlias) at(id int64) *aliasHit {
	n := slices.IndexFunc(a.docs, func(h aliasHit) bool { return h.ID == id })
	require.GreaterOrEqual(a.t, n, 0, id)
	return &a.docs[n]
}

func (a *fakeAlias) remove(id int64) {
	a.docs = slices.DeleteFunc(a.docs, func(h aliasHit) bool { return h.ID == id })
}

// verifying returns a Verifier for appliances of n indicators each, and an alias
// that agrees with them.
func verifying(t *testing.T, indicators ...int) (*Verifier, *fakeAlias, []*simulator.Simulator) {
	t.Helper()
	v := &Verifier{
		Namespaces: []string{"default"},
		Progress:   func(string, int) {},
		Now:        func() time.Time { return verified },
		Sleep:      func(context.Context, time.Duration) error { return nil },
	}
	var sims []*simulator.Simulator
	for i, n := range indicators {
		sim, err := simulator.New(simulator.Config{
			Indicators: n, Seed: 1, Untidy: 0.2, FirstID: int64(1 + 1_000_000*i), BaseTime: verified.Add(-time.Hour),
			Now: v.Now,
		})
		require.NoError(t, err)
		server, err := sim.Start("127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = server.Close() })
		cfg := target(t, &appliance{Simulator: sim, url: server.URL}, map[string]any{"id": fmt.Sprint("input-", i+1), "page_size": 100}).Input
		v.Targets = append(v.Targets, Target{Input: cfg, Log: logp.NewNopLogger(), UserAgent: "test"})
		sims = append(sims, sim)
	}
	es := &fakeAlias{t: t}
	v.Elasticsearch = es
	t.Cleanup(v.Close)
	require.NoError(t, v.connect())
	for _, c := range v.collections {
		require.NoError(t, c.read(t.Context(), nil, func(int) {}))
		for _, i := range c.indicators {
			if i.expires > verified.Unix() {
				es.docs = append(es.docs, aliasHit{i.Indicator, i.version})
			}
		}
	}
	require.NotEmpty(t, es.docs)
	return v, es, sims
}

// firstActive returns the id of an indicator under the alias, firstExpired that of
// one that isn't.
func firstActive(es *fakeAlias) int64 {
	named := slices.DeleteFunc(slices.Clone(es.docs), func(h aliasHit) bool { return h.ID == registry.Missing || h.version <= registry.Undated })
	return slices.MinFunc(named, func(a, b aliasHit) int { return cmp.Compare(a.ID, b.ID) }).ID
}

func firstExpired(v *Verifier) collected {
	for _, i := range v.collections[0].indicators {
		if i.expires <= verified.Unix() && i.ID != registry.Missing {
			return i
		}
	}
	panic("none has expired")
}

func TestVerify(t *testing.T) {
	tests := map[string]struct {
		change func(v *Verifier, es *fakeAlias)
		want   map[Difference]int
	}{
		"equal":          {change: func(*Verifier, *fakeAlias) {}},
		"a document out": {change: func(_ *Verifier, es *fakeAlias) { es.remove(firstActive(es)) }, want: map[Difference]int{Missing: 1}},
		"all documents out": {change: func(_ *Verifier, es *fakeAlias) { es.docs = nil },
			want: map[Difference]int{Missing: -1}},
		"an older version": {change: func(_ *Verifier, es *fakeAlias) { es.at(firstActive(es)).version -= 60 },
			want: map[Difference]int{Older: 1}},
		"a newer version": {change: func(_ *Verifier, es *fakeAlias) { es.at(firstActive(es)).version += 60 }},
		"an expired one": {change: func(v *Verifier, es *fakeAlias) {
			i := firstExpired(v)
			es.docs = append(es.docs, aliasHit{i.Indicator, i.version})
		}, want: map[Difference]int{Expired: 1}},
		"foreign ones": {change: func(_ *Verifier, es *fakeAlias) {
			es.docs = append(es.docs,
				aliasHit{registry.Indicator{ID: 5_000_000, IndicatorID: 5_000_000}, 7},
				aliasHit{registry.Indicator{ID: registry.Missing, IndicatorID: registry.Missing}, registry.Undated})
		}, want: map[Difference]int{Foreign: 2}},
		"foreign ones beside other inputs": {change: func(v *Verifier, es *fakeAlias) {
			v.Partial = true
			es.docs = append(es.docs, aliasHit{registry.Indicator{ID: 5_000_000, IndicatorID: 1}, 7})
		}},
		"a document three times": {change: func(_ *Verifier, es *fakeAlias) {
			d := *es.at(firstActive(es))
			es.docs = append(es.docs, d, d)
		}, want: map[Difference]int{Repeated: 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			v, es, _ := verifying(t, 300, 50)
			active := len(es.docs)
			tt.change(v, es)
			result, err := v.Verify(t.Context())
			require.NoError(t, err)
			for _, d := range differences {
				want := tt.want[d.Difference]
				if want < 0 {
					want = active
				}
				count, _ := result.of(d.Difference)
				assert.Equal(t, want, count, d.Difference)
			}
			assert.Equal(t, tt.want == nil, result.Equal())
			assert.Equal(t, active, result.Collected)
			assert.Equal(t, len(es.docs), result.Active)
			assert.Equal(t, es.opened, es.closed, "each view is given back")
			if result.Looks == 2 && tt.want[Missing]+tt.want[Older] == 1 {
				assert.Len(t, v.collections[0].pages, 1, "the page that the indicator stands on")
				assert.Empty(t, v.collections[1].pages)
			}
		})
	}
}

// What changes while verify reads is no difference when it has arrived at the
// second look.
func TestVerifyLooksTwice(t *testing.T) {
	v, es, sims := verifying(t, 200)
	added := sims[0].Add(1)[0]
	gone := firstActive(es)
	require.NoError(t, sims[0].Remove(gone))
	waited := time.Duration(0)
	v.Wait = 2 * time.Minute
	v.Sleep = func(_ context.Context, d time.Duration) error {
		waited += d
		es.remove(gone)
		expected, ok := sims[0].ExpectedByID(added)
		require.True(t, ok)
		require.NotEmpty(t, expected)
		for _, i := range v.collections[0].indicators {
			if i.ID == added {
				es.docs = append(es.docs, aliasHit{i.Indicator, i.version})
			}
		}
		return nil
	}
	result, err := v.Verify(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 2, result.Looks)
	assert.Equal(t, v.Wait, waited)
	assert.True(t, result.Equal(), result.Text())
}

func TestVerifyCannotTell(t *testing.T) {
	tests := map[string]struct {
		prepare func(v *Verifier, es *fakeAlias, sim *simulator.Simulator)
		want    string
	}{
		"the privilege is missing": {func(_ *Verifier, es *fakeAlias, _ *simulator.Simulator) {
			es.refuse = func(string) (int, string) {
				return 403, `{"error":{"type":"security_exception","reason":"action [indices:data/read/open_point_in_time] is unauthorized for user [u]"}}`
			}
		}, "read on logs-ti_threatq_latest.threat would do"},
		"a shard fails": {func(_ *Verifier, es *fakeAlias, _ *simulator.Simulator) {
			es.refuse = func(path string) (int, string) {
				if path == "/_search" {
					return 200, `{"_shards":{"failed":1},"hits":{"hits":[]}}`
				}
				return 0, ""
			}
		}, "1 shards failed"},
		"the appliance refuses": {func(_ *Verifier, _ *fakeAlias, sim *simulator.Simulator) {
			sim.SetCredentials("other", "other")
			sim.RevokeTokens()
		}, `data collection of input "input-1"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			v, es, sims := verifying(t, 50)
			tt.prepare(v, es, sims[0])
			_, err := v.Verify(t.Context())
			require.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), "setup again")
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestCollectionIsShort(t *testing.T) {
	c := &collection{input: target(t, &appliance{url: "http://127.0.0.1"}, nil).Input, indicators: make([]collected, 2), unreadable: 3}
	require.NoError(t, c.finish(-1), "the appliance doesn't say how many there are")
	c.indicators = []collected{{Indicator: registry.Indicator{ID: 2}}, {Indicator: registry.Indicator{ID: 1}}, {Indicator: registry.Indicator{ID: 2}, version: 9}}
	require.NoError(t, c.finish(5))
	assert.Equal(t, []collected{{Indicator: registry.Indicator{ID: 1}}, {Indicator: registry.Indicator{ID: 2}, version: 9}}, c.indicators)
	require.EqualError(t, c.finish(6), `reading the data collection of input "one": the appliance says that it holds 6 indicators and sent 5; try again when the appliance's search index is complete`)
}

func TestComparisonReport(t *testing.T) {
	known := registry.VersionOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	c := &Comparison{
		Inputs: []ComparedInput{{ID: "one", URL: "https://threatq.example.com", DataCollectionID: "0123456789abcdef",
			Indicators: 12345, Active: 10000, Unreadable: 3}},
		Namespaces: []string{"default"}, Active: 9999, Collected: 10000, Looks: 2, Duration: 1234 * time.Millisecond,
		Findings: []Finding{
			{Indicator: registry.Indicator{ID: registry.Missing, IndicatorID: registry.Missing}, Difference: Foreign, Input: -1, Active: registry.Undated},
			{Indicator: registry.Indicator{ID: 1, IndicatorID: 2}, Difference: Missing, Collected: known},
			{Indicator: registry.Indicator{ID: 2, IndicatorID: registry.Missing}, Difference: Older, Collected: known + 60, Active: known},
		},
	}
	golden(t, "verify.txt", []byte(c.Text()))
	text, err := json.Marshal(c)
	require.NoError(t, err)
	var pretty bytes.Buffer
	require.NoError(t, json.Indent(&pretty, text, "", "  "))
	golden(t, "verify.json", append(pretty.Bytes(), '\n'))
	assert.Contains(t, (&Comparison{Collected: 5000, Active: 5000}).Text(), "Equal: the alias holds the 5,000 active indicators")
}

var _ setup.Elasticsearch = (*fakeAlias)(nil)
