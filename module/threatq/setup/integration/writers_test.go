// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/dev-tools/fleetpackage"
	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
	"github.com/threatqbeat/threatqbeat/module/threatq/setup"
)

const partsOfElasticsearch = "--index-management --pipelines --transforms"

// refusedSetup runs setup, wants it to refuse, and returns what it says.
func (c *cluster) refusedSetup() string {
	c.t.Helper()
	output, code := c.beat(nil).Run(append([]string{"setup"}, strings.Fields(partsOfElasticsearch)...)...)
	assert.Equal(c.t, 1, code, output)
	return output
}

// installPackage uploads a package to Fleet, and uninstalls it at the end.
func (c *cluster) installPackage(kibana, name, version string, zip []byte) {
	c.t.Helper()
	// The package asks for 8.13, which 8.12 overlooks. 8.3 refuses the upload without an Enterprise licence, and
	// fails on the package with one.
	c.needsKibana(kibana, "8.12.0", "installs the Fleet package")
	request, err := http.NewRequest("POST", kibana+"/api/fleet/epm/packages", bytes.NewReader(zip))
	require.NoError(c.t, err)
	request.Header.Set("Content-Type", "application/zip")
	request.Header.Set("kbn-xsrf", "threatqbeat")
	c.auth(request)
	response, err := c.http.Do(request)
	require.NoError(c.t, err)
	response.Body.Close()
	require.Equal(c.t, http.StatusOK, response.StatusCode, "uploading %s", name)
	c.t.Cleanup(func() { c.uninstallPackage(kibana, name, version) })
}

func (c *cluster) uninstallPackage(kibana, name, version string) int {
	status, _, err := c.send(kibana, "DELETE", path("/api/fleet/epm/packages/%s/%s", name, version), object{"force": true})
	require.NoError(c.t, err)
	return status
}

// fleetPackage builds this beat's own Fleet package.
func fleetPackage(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, fleetpackage.Build("../../../..", dir, "0.1.0"))
	zips, err := filepath.Glob(filepath.Join(dir, "*.zip"))
	require.NoError(t, err)
	require.Len(t, zips, 1)
	zip, err := os.ReadFile(zips[0])
	require.NoError(t, err)
	return zip
}

// The Fleet package takes over what setup installed: its transform becomes a second
// writer and the alias loses its filter. setup refuses to go on beside it, also when
// it was uninstalled and left its transform, and mends the rest once that is removed.
func TestFleetPackageBesideSetup(t *testing.T) {
	url := kibana(t)
	c := connect(t)
	c.reset()
	sim := startAppliance(t, 1, 5)
	dir := c.beat(nil, sim.input("one", nil))
	c.setup(dir)
	beat := dir.Start("run")
	c.eventually("all are active", patience, func() bool { return len(c.active()) == 5 })

	version := assets.Version()
	theirs := "logs-threatq.latest_ioc-default-" + version
	t.Cleanup(func() {
		c.try("POST", "/_transform/"+theirs+"/_stop?wait_for_completion=true&force=true&timeout=30s", nil)
		c.try("DELETE", "/_transform/"+theirs, nil)
	})
	c.installPackage(url, "threatq", "0.1.0", fleetPackage(t))

	before := c.must("GET", "/_ingest/pipeline/"+assets.PipelineName, nil)
	output := c.refusedSetup()
	assert.Contains(t, output, theirs)
	assert.Contains(t, output, "belongs to the integration threatq, which Fleet manages")
	assert.Contains(t, output, "Nothing was changed")

	c.uninstallPackage(url, "threatq", "0.1.0")
	if status, _ := c.try("GET", "/_transform/"+theirs, nil); status == http.StatusOK {
		output = c.refusedSetup()
		assert.Contains(t, output, "DELETE _transform/"+theirs)
		assert.Equal(t, before, c.must("GET", "/_ingest/pipeline/"+assets.PipelineName, nil), "nothing was changed")
		c.must("POST", "/_transform/"+theirs+"/_stop?force=true&wait_for_completion=true", nil)
		c.must("DELETE", "/_transform/"+theirs, nil)
	}
	c.setup(dir)
	alias := c.must("GET", "/_alias/"+assets.Alias, nil)
	require.Len(t, alias, 1)
	for index := range alias {
		assert.NotNil(t, get(alias, index, "aliases", assets.Alias, "filter"), "the alias has its filter again")
	}
	sim.put(1, map[string]any{"value": "192.0.2.201"})
	c.eventually("an update arrives", patience, func() bool {
		return get(c.active()[1], "threatq", "indicator_value") == "192.0.2.201"
	})
	beat.Stop()
	assert.Len(t, c.active(), 5)
}

// A transform that somebody made, and a template that takes the place of ours, are
// refused before anything is changed.
func TestSecondWriterIsRefused(t *testing.T) {
	c := connect(t)
	c.reset()
	t.Cleanup(func() {
		c.try("DELETE", "/_transform/threatqbeat-integration-writer", nil)
		c.try("DELETE", "/_index_template/threatqbeat-integration-rival", nil)
	})
	c.must("PUT", "/_transform/threatqbeat-integration-writer?defer_validation=true", object{
		"source": object{"index": assets.DataStreams}, "dest": object{"index": assets.DestIndexPrefix + "1"},
		"latest": object{"unique_key": []string{"threatq.id"}, "sort": "@timestamp"},
	})
	output := c.refusedSetup()
	assert.Contains(t, output, "transform threatqbeat-integration-writer: it writes to the index of active indicators, and setup didn't make it")
	status, _ := c.try("GET", "/_ingest/pipeline/"+assets.PipelineName, nil)
	assert.Equal(t, http.StatusNotFound, status, "nothing was installed")
	c.must("DELETE", "/_transform/threatqbeat-integration-writer", nil)

	c.must("PUT", "/_index_template/threatqbeat-integration-rival", object{
		"index_patterns": []string{"logs-ti_threatq.threat-lab*"}, "priority": 300, "data_stream": object{},
	})
	output = c.refusedSetup()
	assert.Contains(t, output, "DELETE _index_template/threatqbeat-integration-rival")
	status, _ = c.try("GET", "/_ingest/pipeline/"+assets.PipelineName, nil)
	assert.Equal(t, http.StatusNotFound, status, "nothing was installed")
	c.must("DELETE", "/_index_template/threatqbeat-integration-rival", nil)
	c.setup(c.beat(nil))
}

// A transform that fails is reported with its reason; setup mends what it can, and
// fails while the transform does.
func TestTransformThatFails(t *testing.T) {
	c := connect(t)
	c.reset()
	sim := startAppliance(t, 1, 3)
	dir := c.beat(nil, sim.input("one", nil))
	c.setup(dir)
	id := assets.TransformID()

	// The pipeline that a removed integration leaves as an index's default.
	c.must("PUT", "/"+assets.DestIndexPrefix+"1/_settings", object{"index.default_pipeline": "threatqbeat-integration-none"})
	beat := dir.Start("run")
	c.eventually("the transform fails", patience, func() bool { return c.transformState() == "failed" })
	beat.Stop()

	es, err := setup.Connect(t.Context(), c.namespace(), "threatqbeat", c.log())
	require.NoError(t, err)
	defer es.Close()
	states, err := setup.LookAtTransforms(t.Context(), es)
	require.NoError(t, err)
	require.Len(t, states, 1)
	assert.Equal(t, "failed", states[0].State)
	require.NotNil(t, states[0].Problem())
	assert.Contains(t, states[0].Problem().Error(), "pipeline with id [threatqbeat-integration-none] does not exist")
	assert.Contains(t, states[0].Problem().Remedy, "POST _transform/"+id+"/_start")

	output := c.setup(dir)
	assert.Contains(t, output, "moved (from "+assets.DestIndexPrefix+"1 to "+assets.DestIndexPrefix+"2")
	c.eventually("the indicators are active", patience, func() bool { return len(c.active()) == 3 })
	states, err = setup.LookAtTransforms(t.Context(), es)
	require.NoError(t, err)
	assert.Nil(t, states[0].Problem())

	// One that can't be mended by setup.
	c.must("PUT", "/"+assets.DestIndexPrefix+"2/_settings", object{"index.final_pipeline": "threatqbeat-integration-none"})
	sim.put(1, map[string]any{"score": 1})
	beat = dir.Start("run")
	c.eventually("the transform fails", patience, func() bool { return c.transformState() == "failed" })
	beat.Stop()
	output = c.refusedSetup()
	assert.Contains(t, output, "it has failed")
	assert.Contains(t, output, "threatqbeat-integration-none")
}

// The index of version 1.0.0 of the assets, which had the default codec, moves.
func TestUpgradeOfTheCodec(t *testing.T) {
	c := connect(t)
	c.reset()
	sim := startAppliance(t, 1, 50)
	dir := c.beat(nil, sim.input("one", nil))
	c.setup(dir)
	codec := func(index string) any {
		return get(c.must("GET", "/"+index+"/_settings", nil), index, "settings", "index", "codec")
	}
	assert.Equal(t, "best_compression", codec(assets.DestIndexPrefix+"1"))
	c.must("POST", "/"+assets.DestIndexPrefix+"1/_close", nil)
	c.must("PUT", "/"+assets.DestIndexPrefix+"1/_settings", object{"index.codec": "default"})
	c.must("POST", "/"+assets.DestIndexPrefix+"1/_open", nil)
	c.eventually("the index is open again", patience, func() bool {
		status, _ := c.try("GET", "/"+assets.Alias+"/_count", nil)
		return status == http.StatusOK
	})
	beat := dir.Start("run")
	c.eventually("all are active", patience, func() bool { return len(c.active()) == 50 })
	beat.Stop()
	watch := c.watch(50)
	output := c.setup(dir)
	assert.Empty(t, watch(), "searches through the alias that did not see every indicator")
	assert.Contains(t, output, "moved (from "+assets.DestIndexPrefix+"1 to "+assets.DestIndexPrefix+"2, 50 indicators)")
	assert.Equal(t, "best_compression", codec(assets.DestIndexPrefix+"2"))
	time.Sleep(time.Second)
	assert.NotContains(t, c.setup(dir), "moved")
}
