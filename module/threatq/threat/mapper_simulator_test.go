// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// TestSimulatedCollection compares the events of a large untidy collection with
// what the simulator, which shares no code with the mapper, says it holds.
func TestSimulatedCollection(t *testing.T) {
	beattest.SkipUnderRace(t, "nothing runs side by side")
	cfg := simulator.DefaultConfig()
	cfg.Indicators, cfg.Untidy, cfg.Unreadable = 5000, 0.5, 0.02
	sim, err := simulator.New(cfg)
	require.NoError(t, err)
	defer sim.Close()

	m := testMapper()
	policy := MapperConfig{ExpirationDuration: 90 * 24 * time.Hour, ExpiredStatuses: []string{defaultExpiredStatus}}
	types, misfits, unreadable := map[string]bool{}, 0, 0
	var whole decoder
	for want := range sim.Expected() {
		raw := sim.Indicator(want.Index)
		event, err := m.Event(raw, testFetched)
		checkEvent(t, raw, event, err)
		require.Equal(t, want.Readable, err == nil, "%s: %v", raw, err)
		brief, briefErr := m.Brief(raw, testFetched)
		assert.Equal(t, err, briefErr)
		if err != nil {
			unreadable++
			continue
		}
		got := flatten(encodeEvent(t, event))
		date := func(name string) (at time.Time) {
			if text, ok := got[name].(string); ok {
				at, err = time.Parse(time.RFC3339, text)
				require.NoError(t, err)
			}
			return at
		}
		id := got["threatq.id"]
		if id == nil {
			id = got["threatq.indicator_id"]
		}
		number, _ := id.(json.Number)
		gotID, err := number.Int64()
		require.NoError(t, err)
		assert.Equal(t, want.ID, gotID)
		assert.Equal(t, want.CreatedAt, date("threatq.created_at"), "%s", raw)
		assert.Equal(t, want.PublishedAt, date("threatq.published_at"), "%s", raw)
		assert.Equal(t, want.UpdatedAt, date("threatq.updated_at"), "%s", raw)
		assert.Equal(t, want.ExpiresAt, date("threatq.expires_at"), "%s", raw)
		assert.Equal(t, want.ExpiredAt, date("threatq.expired_at"), "%s", raw)
		assert.Equal(t, want.Status, textOf(got["threatq.status"]), "%s", raw)
		assert.Equal(t, want.Value, textOf(got["threatq.indicator_value"]), "%s", raw)
		assert.Equal(t, want.Value, textOf(got["threat.indicator.name"]), "%s", raw)
		if want.Misfit {
			misfits++
			assert.Contains(t, got["error.message"], "was left out", "%s", raw)
		}

		timestamp := firstDate(dateOf(want.UpdatedAt), dateOf(want.PublishedAt), dateOf(want.CreatedAt), dateOf(testFetched))
		assert.Equal(t, timestamp.time(), date("@timestamp"))
		require.NoError(t, whole.decode(raw))
		expiration := expire(&policy, &whole.ind, timestamp)
		assert.Equal(t, expiration.At.time(), date("threatq.ioc_expired_at"), "%s", raw)
		assert.Equal(t, expiration.Reason, got["threatq.ioc_expiration_reason"], "%s", raw)
		assert.Equal(t, expiration.At.time(), brief.ExpiredAt, "%s", raw)
		assert.Equal(t, entryOf(event), brief.Entry, "%s", raw)
		types[textOf(got["threat.indicator.type"])] = true
	}
	assert.Positive(t, misfits)
	assert.Positive(t, unreadable)
	for _, typ := range indicatorTypes {
		assert.True(t, types[typ.ecs], "no indicator is of type %s", typ.ecs)
	}
}

// What is asked for where only the identifiers, the version and the expiration are of
// interest is what is read then.
func TestBriefFields(t *testing.T) {
	example, err := os.ReadFile("testdata/example_indicator.json")
	require.NoError(t, err)
	var names map[string]any
	require.NoError(t, json.Unmarshal(example, &names))
	fields := strings.Split(BriefFields, ",")
	for _, field := range fields {
		names[field] = nil
	}
	for name := range names {
		d := decoder{brief: true}
		other := "indicator_id"
		if name == other {
			other = "id"
		}
		// A list in the place of a value is a problem, unless nobody looks at it.
		require.NoError(t, d.decode(fmt.Appendf(nil, `{%q:1,%q:[]}`, other, name)), name)
		assert.Equal(t, slices.Contains(fields, name), len(d.ind.Problems) > 0, name)
	}
}

// TestTidyCollection makes sure that nothing is complained about without need.
func TestTidyCollection(t *testing.T) {
	sim, err := simulator.New(simulator.Config{Indicators: 2000, Seed: 2})
	require.NoError(t, err)
	defer sim.Close()
	m := testMapper()
	for i := range sim.Len() {
		raw := sim.Indicator(i)
		event, err := m.Event(raw, testFetched)
		require.NoError(t, err)
		assert.NotContains(t, event.Fields, "error", "%s", raw)
	}
}

func textOf(v any) string {
	s, _ := v.(string)
	return s
}
