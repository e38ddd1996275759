// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// An upgrade from assets of an older version keeps the alias answering, with
// every active indicator, at every moment.
func TestUpgrade(t *testing.T) {
	c := connect(t)
	c.reset()
	const indicators = 200
	sim := startAppliance(t, 1, indicators)
	dir := c.beat(nil, sim.input("one", nil))
	c.setup(dir)
	beat := dir.Start("run")
	c.eventually("all are active", patience, func() bool { return len(c.active()) == indicators })
	beat.Stop()

	old := c.makeOlder()
	// What only the index of active indicators still has, the data stream being
	// older than its policy allows.
	c.must("DELETE", "/_data_stream/"+assets.DataStreams, nil)

	watch := c.watch(indicators)
	output := c.setup(dir)
	gaps := watch()
	assert.Empty(t, gaps, "searches through the alias that did not see every indicator")
	assert.Contains(t, output, "moved (from "+assets.DestIndexPrefix+"1 to "+assets.DestIndexPrefix+"2")

	alias := c.must("GET", "/_alias/"+assets.Alias, nil)
	require.Len(t, alias, 1)
	assert.NotNil(t, get(alias, assets.DestIndexPrefix+"2", "aliases", assets.Alias, "filter"))
	status, _ := c.try("GET", "/"+assets.DestIndexPrefix+"1", nil)
	assert.Equal(t, 404, status, "the old index is gone")
	transforms := c.must("GET", "/_transform/"+assets.TransformPrefix+"*", nil)
	require.EqualValues(t, 1, transforms["count"])
	current := get(transforms["transforms"].([]any)[0], "id")
	assert.NotEqual(t, old, current)
	assert.Equal(t, assets.DestIndexPrefix+"2", destination(transforms["transforms"].([]any)[0]))
	assert.Len(t, c.active(), indicators)

	// It goes on from there.
	sim.put(1, simulator.Fields{"value": "192.0.2.201"})
	beat = dir.Start("run")
	c.eventually("an update arrives in the new index", patience, func() bool {
		return get(c.active()[1], "threatq", "indicator_value") == "192.0.2.201"
	})
	beat.Stop()
	assert.Len(t, c.active(), indicators)

	before := fingerprint(c)
	c.setup(dir)
	assert.Equal(t, before, fingerprint(c))
}

// A setup that was killed in the middle of an upgrade is completed by the next.
func TestUpgradeAfterKill(t *testing.T) {
	c := connect(t)
	c.reset()
	const indicators = 200
	sim := startAppliance(t, 1, indicators)
	dir := c.beat(nil, sim.input("one", nil))
	c.setup(dir)
	beat := dir.Start("run")
	c.eventually("all are active", patience, func() bool { return len(c.active()) == indicators })
	beat.Stop()
	c.makeOlder()

	watch := c.watch(indicators)
	for _, after := range []time.Duration{300 * time.Millisecond, 600 * time.Millisecond, 900 * time.Millisecond} {
		killed := dir.Start("setup", "--index-management", "--pipelines", "--transforms")
		time.Sleep(after)
		killed.Kill()
	}
	c.setup(dir)
	assert.Empty(t, watch(), "searches through the alias that did not see every indicator")
	assert.Equal(t, "started", c.transformState())
	assert.Len(t, c.must("GET", "/"+assets.DestIndexPrefix+"*/_alias", nil), 1, "nothing is left over")
	assert.Len(t, c.active(), indicators)
}

func destination(transform any) string {
	return fmt.Sprint(get(transform, "dest", "index"))
}

// makeOlder turns what is installed into what version 0.9.0 of the assets would
// have left, and returns the name of its transform.
func (c *cluster) makeOlder() string {
	c.t.Helper()
	meta := object{"managed_by": assets.ManagedBy, "version": "0.9.0", "hash": "0123456789abcdef"}
	for _, name := range []string{assets.TemplateName, assets.DestTemplateName} {
		answer := c.must("GET", "/_index_template/"+name, nil)
		template := withoutDates(get(answer["index_templates"].([]any)[0], "index_template").(object))
		template["_meta"] = meta
		get(template, "template", "mappings").(object)["_meta"] = meta
		c.must("PUT", "/_index_template/"+name, template)
	}
	pipeline := withoutDates(c.must("GET", "/_ingest/pipeline/"+assets.PipelineName, nil)[assets.PipelineName].(object))
	pipeline["_meta"] = meta
	c.must("PUT", "/_ingest/pipeline/"+assets.PipelineName, pipeline)
	c.must("PUT", "/"+assets.DestIndexPrefix+"1/_mapping", object{"_meta": meta})

	id := assets.TransformID()
	answer := c.must("GET", "/_transform/"+id, nil)
	transform := answer["transforms"].([]any)[0].(object)
	for _, servers := range []string{"id", "version", "create_time", "authorization"} {
		delete(transform, servers)
	}
	transform["_meta"] = meta
	c.must("POST", "/_transform/"+id+"/_stop?wait_for_completion=true&timeout=60s", nil)
	c.must("DELETE", "/_transform/"+id, nil)
	old := assets.TransformPrefix + "0.9.0"
	c.must("PUT", "/_transform/"+old, transform)
	c.must("POST", "/_transform/"+old+"/_start", nil)
	return old
}

// withoutDates takes out of an asset what Elasticsearch 9.2 and later add to it,
// and refuse when it is put back.
func withoutDates(asset object) object {
	for _, servers := range []string{"created_date_millis", "modified_date_millis", "created_date", "modified_date"} {
		delete(asset, servers)
	}
	return asset
}

// watch counts through the alias without a pause, until the function that it
// returns is called. That returns the counts that were wrong.
func (c *cluster) watch(want int) (stop func() []string) {
	done := make(chan struct{})
	var wrong []string
	var searches int
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			status, answer, err := c.send(c.url, "GET", "/"+assets.Alias+"/_count", nil)
			searches++
			if err != nil || status != 200 || answer["count"] != float64(want) {
				wrong = append(wrong, fmt.Sprintf("%d %v %v", status, answer, err))
			}
		}
	})
	return func() []string {
		close(done)
		running.Wait()
		require.Positive(c.t, searches)
		return wrong
	}
}
