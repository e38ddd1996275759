// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// has says which of the indicators are active.
func (c *cluster) has(ids ...int) bool {
	active := c.active()
	for _, id := range ids {
		if _, ok := active[id]; !ok {
			return false
		}
	}
	return true
}

// lacks says that none of the indicators is active.
func (c *cluster) lacks(ids ...int) bool {
	active := c.active()
	return !slices.ContainsFunc(ids, func(id int) bool { _, ok := active[id]; return ok })
}

// stored says how many documents the index behind the alias has, expired ones included.
func (c *cluster) stored() int {
	c.must("POST", "/"+assets.DestIndexPrefix+"*/_refresh", nil)
	return int(c.must("GET", "/"+assets.DestIndexPrefix+"*/_count", nil)["count"].(float64))
}

// types returns the different types that a field has in the indices. They are
// read from the mapping: _field_caps calls a wildcard a keyword.
func (c *cluster) types(indices, field string) []string {
	c.t.Helper()
	var types []string
	for _, index := range c.must("GET", "/"+indices+"/_mapping/field/"+field, nil) {
		mapping, _ := get(index, "mappings", field, "mapping").(object)
		for _, leaf := range mapping {
			if typ := fmt.Sprint(get(leaf, "type")); !slices.Contains(types, typ) {
				types = append(types, typ)
			}
		}
	}
	return types
}

// The life of indicators, from the appliance to the alias.
func TestActiveIndicators(t *testing.T) {
	c := connect(t)
	c.reset()

	const indicators = 20
	sim := startAppliance(t, 1, indicators)
	// 1 to 4 are due to leave, each in its way; the others stay.
	const expires, expired, passes, orphan, long, broken, kept = 1, 2, 3, 4, 5, 6, 7
	long100k := strings.Repeat("x", 100_000)
	sim.put(long, simulator.Fields{
		"type": "URL", "value": "https://www.example.com/" + long100k, "description": long100k,
		"attributes": []any{map[string]any{"id": 1, "name": "Note", "value": long100k}},
	})
	require.NoError(t, sim.PutRaw(broken, []byte(`{"value": "192.0.2.99", "status": {"name": "Active"}}`)))

	dir := c.beat(nil, sim.input("one", nil))
	c.setup(dir)
	beat := dir.Start("run")

	t.Run("active indicators appear", func(t *testing.T) {
		c := c.in(t)
		c.eventually("all that can be read are active", patience, func() bool { return len(c.active()) == indicators-1 })
		source := c.active()[kept]
		assert.Equal(t, "Active", get(source, "threatq", "status"))
		assert.Equal(t, "192.0.2.7", get(source, "threat", "indicator", "ip"))
		assert.Equal(t, "High", get(source, "threat", "indicator", "confidence"))
		assert.Equal(t, "ti_threatq.threat", get(source, "data_stream", "dataset"))
		assert.Equal(t, "default", get(source, "data_stream", "namespace"))
		assert.NotEmpty(t, get(source, "event", "ingested"))
		assert.Nil(t, get(source, "event", "original"))
	})

	t.Run("with the right types", func(t *testing.T) {
		c := c.in(t)
		for field, typ := range map[string]string{
			"@timestamp": "date", "threatq.id": "long", "threatq.indicator_value": "keyword", "threatq.status": "keyword",
			"threatq.attributes": "flattened", "threatq.ioc_expired_at": "date", "threat.indicator.ip": "ip",
			"threat.indicator.url.full": "wildcard", "threat.indicator.type": "keyword", "data_stream.namespace": "keyword",
			"event.dataset": "keyword", "event.ingested": "date", "related.ip": "ip",
		} {
			assert.Equal(t, []string{typ}, c.types(assets.Alias, field), field)
		}
		for _, field := range []string{"event.dataset", "event.module", "data_stream.namespace", "labels.is_ioc_transform_source"} {
			assert.Equal(t, []string{"constant_keyword"}, c.types(assets.DataStreams, field), field)
		}
		// Every document of the data stream matches, and none behind the alias.
		query := object{"query": object{"term": object{"labels.is_ioc_transform_source": "true"}}}
		assert.Positive(t, c.must("POST", "/"+assets.DataStreams+"/_count", query)["count"])
		assert.Zero(t, c.must("POST", "/"+assets.Alias+"/_count", query)["count"])
	})

	t.Run("long values cost nothing", func(t *testing.T) {
		c := c.in(t)
		source := c.active()[long]
		require.NotNil(t, source)
		assert.Len(t, get(source, "threat", "indicator", "description"), len(long100k))
		count := c.must("POST", "/"+assets.Alias+"/_count", object{"query": object{"term": object{"threat.indicator.url.domain": "www.example.com"}}})
		assert.EqualValues(t, 1, count["count"])
	})

	t.Run("what can't be read is kept as an error and stops nothing", func(t *testing.T) {
		c := c.in(t)
		answer := c.must("POST", "/"+assets.DataStreams+"/_search", object{"query": object{"term": object{"event.kind": "pipeline_error"}}})
		hits := get(answer, "hits", "hits").([]any)
		require.Len(t, hits, 1)
		source := get(hits[0], "_source")
		assert.Contains(t, get(source, "event", "original"), "192.0.2.99")
		assert.NotEmpty(t, get(source, "error", "message"))
	})

	t.Run("an update replaces what was there", func(t *testing.T) {
		c, sim := c.in(t), sim.in(t)
		sim.put(kept, simulator.Fields{"value": "192.0.2.77", "score": 1})
		c.eventually("the new value is active", patience, func() bool {
			return get(c.active()[kept], "threatq", "indicator_value") == "192.0.2.77"
		})
		// active fails the test if an indicator is there twice.
		assert.Equal(t, "Low", get(c.active()[kept], "threat", "indicator", "confidence"))
		assert.Len(t, c.active(), indicators-1)
	})

	t.Run("one whose status turns Expired leaves", func(t *testing.T) {
		c, sim := c.in(t), sim.in(t)
		sim.put(expired, simulator.Fields{"status": "Expired"})
		c.eventually("it is gone", patience, func() bool { return c.lacks(expired) })
		assert.True(t, c.has(kept))
	})

	t.Run("and returns when it becomes Active", func(t *testing.T) {
		c, sim := c.in(t), sim.in(t)
		sim.put(expired, simulator.Fields{"status": "Active"})
		c.eventually("it is back", patience, func() bool { return c.has(expired) })
	})

	t.Run("one whose expires_at passes leaves at that second", func(t *testing.T) {
		c, sim := c.in(t), sim.in(t)
		at := time.Now().Add(25 * time.Second).Truncate(time.Second)
		sim.put(expires, simulator.Fields{"expires_at": date(at)})
		c.eventually("its date is known", patience, func() bool {
			return get(c.active()[expires], "threatq", "expires_at") != nil
		})
		require.True(t, time.Now().Before(at.Add(-2*time.Second)), "the transform took too long for this test")
		time.Sleep(time.Until(at.Add(-time.Second)))
		assert.True(t, c.has(expires), "one second before its time it is active")
		time.Sleep(time.Until(at.Add(time.Second)))
		assert.True(t, c.lacks(expires), "one second after it is gone")
	})

	t.Run("one past the expiration duration leaves", func(t *testing.T) {
		c, sim := c.in(t), sim.in(t)
		at := time.Now().Add(25 * time.Second).Truncate(time.Second)
		// What was last updated 90 days before that second, the default duration.
		sim.put(orphan, simulator.Fields{"updated_at": date(at.Add(-90 * 24 * time.Hour))})
		c.eventually("its new end is known", patience, func() bool {
			end, _ := get(c.active()[orphan], "threatq", "ioc_expired_at").(string)
			parsed, err := time.Parse(time.RFC3339, end)
			return err == nil && parsed.Equal(at)
		})
		assert.Contains(t, get(c.active()[orphan], "threatq", "ioc_expiration_reason"), "IOC Expiration Duration")
		require.True(t, time.Now().Before(at), "the transform took too long for this test")
		time.Sleep(time.Until(at.Add(time.Second)))
		assert.True(t, c.lacks(orphan))
	})

	t.Run("one that passes while nothing is collected is gone at once", func(t *testing.T) {
		c, sim := c.in(t), sim.in(t)
		at := time.Now().Add(30 * time.Second).Truncate(time.Second)
		sim.put(passes, simulator.Fields{"expires_at": date(at)})
		c.eventually("its date is known", patience, func() bool {
			return get(c.active()[passes], "threatq", "expires_at") != nil
		})
		beat.Stop()
		require.True(t, time.Now().Before(at.Add(-time.Second)), "the transform took too long for this test")
		assert.True(t, c.has(passes), "before its time it is active")
		time.Sleep(time.Until(at.Add(time.Second)))
		assert.True(t, c.lacks(passes))
		assert.True(t, c.has(kept), "the others stay")
	})

	t.Run("expired ones are deleted when something is collected again", func(t *testing.T) {
		c, sim := c.in(t), sim.in(t)
		beat = dir.Start("run")
		last := time.Time{}
		c.eventually("only active ones are stored", 4*time.Minute, func() bool {
			if time.Since(last) > 10*time.Second {
				sim.put(kept, simulator.Fields{"score": 5})
				last = time.Now()
			}
			return c.stored() == len(c.active())
		})
		beat.Stop()
	})
}

func TestTwoNamespaces(t *testing.T) {
	c := connect(t)
	c.reset()
	one, two := startAppliance(t, 1, 3), startAppliance(t, 1001, 4)
	dir := c.beat(nil,
		one.input("one", map[string]any{"data_stream.namespace": "one"}),
		two.input("two", map[string]any{"data_stream.namespace": "two"}))
	c.setup(dir)
	beat := dir.Start("run")
	c.eventually("the indicators of both are active", patience, func() bool { return len(c.active()) == 7 })
	beat.Stop()
	for namespace, want := range map[string]int{"one": 3, "two": 4} {
		count := c.must("GET", "/"+assets.DataStreamPrefix+namespace+"/_count", nil)
		assert.EqualValues(t, want, count["count"], namespace)
		count = c.must("POST", "/"+assets.Alias+"/_count", object{"query": object{"term": object{"data_stream.namespace": namespace}}})
		assert.EqualValues(t, want, count["count"], namespace)
	}
}

// The output alone installs what events need, and writes to the data stream,
// with nothing in the configuration for it.
func TestRunInstallsTemplates(t *testing.T) {
	c := connect(t)
	c.reset()
	sim := startAppliance(t, 1, 3)
	dir := c.beat(nil, sim.input("one", nil))
	beat := dir.Start("run")
	c.eventually("the events are in the data stream", patience, func() bool {
		status, answer := c.try("GET", "/"+assets.DataStreamPrefix+"default/_count", nil)
		return status == 200 && fmt.Sprint(answer["count"]) == "3"
	})
	beat.Stop()
	streams := c.must("GET", "/_data_stream/"+assets.DataStreamPrefix+"default", nil)
	assert.Equal(t, assets.TemplateName, get(streams["data_streams"].([]any)[0], "template"))
	// Nothing of Libbeat's own.
	_, templates := c.try("GET", "/_index_template/threatqbeat*", nil)
	assert.Empty(t, templates["index_templates"])
}
