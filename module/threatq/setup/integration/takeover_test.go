// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// The way of docs/upgrading.md from an integration of Fleet, with the alias never
// empty: from this beat's own package, and from assets with the names, owner and
// field types of Elastic's ti_threatq.
func TestFromAnIntegrationOfFleet(t *testing.T) {
	t.Run("threatq", func(t *testing.T) {
		url := kibana(t)
		c := connect(t)
		c.reset()
		version := assets.Version()
		theirs := "logs-threatq.latest_ioc-default-" + version
		stop := "/_transform/" + theirs + "/_stop?wait_for_completion=true&force=true&timeout=30s"
		t.Cleanup(func() {
			c.try("POST", stop, nil)
			c.try("DELETE", "/_transform/"+theirs, nil)
		})
		c.installPackage(url, "threatq", "0.1.0", fleetPackage(t))
		sim := startAppliance(t, 1, 40)
		off := object{
			"setup.template.enabled": false, "setup.ilm.enabled": false, "setup.pipelines.enabled": false, "setup.transforms.enabled": false,
		}
		beat := c.beat(off, sim.input("fleet", nil)).Start("run")
		c.eventually("the events are in the data stream", patience, func() bool {
			status, answer := c.try("GET", "/"+assets.DataStreamPrefix+"default/_count", nil)
			return status == http.StatusOK && answer["count"] == float64(40)
		})
		beat.Stop()
		// The package's transform waits 120 s for late events.
		c.must("POST", stop, nil)
		c.must("POST", "/_transform/"+theirs+"/_update", object{
			"sync": object{"time": object{"field": "event.ingested", "delay": "1s"}}, "frequency": "1s",
		})
		c.must("POST", "/_transform/"+theirs+"/_start", nil)
		c.eventually("the package's transform has filled its index", patience, func() bool { return len(c.active()) == 40 })
		takeOver(c, sim, theirs, "the integration threatq", 1, true, func() {
			require.Equal(t, http.StatusOK, c.uninstallPackage(url, "threatq", "0.1.0"))
		})
	})
	t.Run("ti_threatq", func(t *testing.T) {
		c := connect(t)
		c.reset()
		const id = assets.TransformPrefix + "0.3.0"
		leave := c.elastics(id, 40)
		takeOver(c, startAppliance(t, 1, 40), id, "Elastic's integration ThreatQuotient (ti_threatq)", 3, false, leave)
	})
}

// elastics makes what Elastic's integration has: the index has another number than 1,
// status is an object there, attributes are a list, and id is a keyword. leave does
// what uninstalling it does.
func (c *cluster) elastics(id string, indicators int) (leave func()) {
	meta := object{"managed": true, "managed_by": "fleet", "package": object{"name": "ti_threatq"}}
	mappings := object{"_meta": meta, "properties": object{
		"threatq": object{"properties": object{
			"id": object{"type": "keyword"}, "status": object{"properties": object{"name": object{"type": "keyword"}}},
			"ioc_expired_at": object{"type": "date"},
		}},
		"event": object{"properties": object{"ingested": object{"type": "date"}}},
	}}
	c.must("PUT", "/_ingest/pipeline/logs-ti_threatq.threat-1.32.0", object{"processors": []any{}, "_meta": meta})
	c.must("PUT", "/_index_template/"+assets.TemplateName, object{
		"index_patterns": []string{assets.DataStreams}, "priority": 200, "data_stream": object{}, "_meta": meta,
		"template": object{"mappings": mappings, "settings": object{"index.default_pipeline": "logs-ti_threatq.threat-1.32.0"}},
	})
	const template = "logs-ti_threatq.latest_ioc-template"
	c.must("PUT", "/_index_template/"+template, object{
		"index_patterns": []string{assets.DestIndexPrefix + "3"}, "priority": 250, "_meta": meta,
		// Fleet doesn't say in the mapping whose it is.
		"template": object{"mappings": object{"properties": mappings["properties"]}},
	})
	c.must("PUT", "/"+assets.DestIndexPrefix+"3", object{"aliases": object{assets.Alias: object{}}})
	leave = func() {
		c.must("DELETE", "/_index_template/"+assets.TemplateName, nil)
		c.must("DELETE", "/_index_template/"+template, nil)
		c.must("DELETE", "/_ingest/pipeline/logs-ti_threatq.threat-1.32.0", nil)
	}
	c.t.Cleanup(func() {
		c.try("DELETE", "/_index_template/"+template, nil)
		c.remove()
		c.try("DELETE", "/_ingest/pipeline/logs-ti_threatq.threat-1.32.0", nil)
	})
	for n := 1; n <= indicators; n++ {
		c.must("POST", "/"+assets.DataStreamPrefix+"default/_doc", object{
			"@timestamp": time.Now(), "event": object{"ingested": time.Now().Add(-time.Minute)},
			"threatq": object{
				"id": n, "status": object{"name": "Active"}, "attributes": []any{object{"name": "a", "value": "b"}},
				"ioc_expired_at": time.Now().Add(24 * time.Hour),
			},
		})
	}
	c.must("POST", "/"+assets.DataStreamPrefix+"default/_refresh", nil)
	c.must("PUT", "/_transform/"+id, object{
		"source": object{"index": assets.DataStreams}, "dest": object{"index": assets.DestIndexPrefix + "3"}, "_meta": meta,
		"latest": object{"unique_key": []string{"threatq.id", "threatq.indicator_id"}, "sort": "event.ingested"}, "frequency": "1s",
		"sync": object{"time": object{"field": "event.ingested", "delay": "1s"}},
	})
	c.must("POST", "/_transform/"+id+"/_start", nil)
	c.eventually("the integration's index is filled", patience, func() bool { return len(c.active()) == indicators })
	return leave
}

var placeholderID = regexp.MustCompile(`\bID\b`)

// takeOver follows docs/upgrading.md from step 3 on. The requests are the page's own.
func takeOver(c *cluster, sim *appliance, transform, owner string, number int, sameTypes bool, uninstall func()) {
	t := c.t
	left, next := fmt.Sprint(assets.DestIndexPrefix, number), fmt.Sprint(assets.DestIndexPrefix, number+1)
	page, err := os.ReadFile(docs + "upgrading.md")
	require.NoError(t, err)
	dir := c.beat(nil, sim.input("one", nil))
	output, code := dir.Run(append([]string{"setup"}, strings.Fields(partsOfElasticsearch)...)...)
	assert.Equal(t, 1, code)
	assert.Contains(t, output, owner)
	assert.Contains(t, output, transform)

	// From here on the alias must show something at every moment.
	done := make(chan struct{})
	var empty []string
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			status, answer, err := c.send(c.url, "GET", "/"+assets.Alias+"/_count", nil)
			if n, _ := answer["count"].(float64); err != nil || status != http.StatusOK || n < 36 {
				empty = append(empty, fmt.Sprint(status, answer, err))
			}
		}
	})
	for _, r := range []string{
		"POST _transform/ID/_stop?force=true&wait_for_completion=true", "DELETE _transform/ID", "DELETE _data_stream/logs-ti_threatq.threat-*",
	} {
		require.Contains(t, string(page), r)
		method, at, _ := strings.Cut(placeholderID.ReplaceAllString(r, transform), " ")
		c.must(method, "/"+at, nil)
	}
	uninstall()
	assert.Len(t, c.active(), 40)

	output = c.setup(dir)
	if sameTypes {
		assert.Contains(t, output, "moved (from "+left+" to "+next+", 40 indicators)")
		beat := dir.Start("run")
		sim.put(1, map[string]any{"value": "192.0.2.201"})
		c.eventually("an update arrives", patience, func() bool {
			return get(c.active()[1], "threatq", "indicator_value") == "192.0.2.201"
		})
		beat.Stop()
		close(done)
		watching.Wait()
		assert.Empty(t, empty, "searches through the alias that found too little")
		return
	}
	assert.Contains(t, output, "index "+next+": created (to replace "+left)
	assert.Contains(t, output, "alias "+assets.Alias+": kept (on "+left+" with 40 active indicators")
	beat := dir.Start("run")
	c.eventually("the next index is filled", patience, func() bool {
		_, answer := c.try("GET", "/"+next+"/_count", nil)
		return answer["count"] == float64(40)
	})
	output = c.setup(dir)
	assert.Contains(t, output, "alias "+assets.Alias+": moved (from "+left+" with 40 active indicators to "+next+" with 40")
	beat.Stop()
	close(done)
	watching.Wait()
	assert.Empty(t, empty, "searches through the alias that found too little")
	c.must("DELETE", "/"+left, nil)
	assert.Equal(t, "Active", get(c.active()[1], "threatq", "status"))
	assert.NotContains(t, c.setup(dir), "kept (on")
}
