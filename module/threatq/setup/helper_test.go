// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

var update = flag.Bool("update", false, "write the golden files")

// server is what the tests install: everything but the dashboards.
var server = Parts{IndexManagement: true, Pipelines: true, Transforms: true}

// defaultSetup are the settings of a configuration that says nothing.
func defaultSetup() config.Setup {
	cfg, err := config.SetupFrom(conf.NewConfig())
	if err != nil {
		panic(err)
	}
	return cfg
}

// setupWith connects with the fake and installs parts, without waiting.
func setupWith(t *testing.T, f *fakeElasticsearch, cfg config.Setup, parts Parts) ([]Report, error) {
	t.Helper()
	url, stop := f.start()
	defer stop()
	es, err := Connect(t.Context(), outputOf(t, map[string]any{"hosts": []string{url}}), "threatqbeat", logp.NewNopLogger())
	require.NoError(t, err)
	defer es.Close()
	var reports []Report
	installer := New(es, nil, cfg, logp.NewNopLogger(), func(r Report) { reports = append(reports, r) })
	installer.sleep = func(context.Context, time.Duration) error { return nil }
	err = installer.Setup(t.Context(), parts)
	return reports, err
}

func outputOf(t *testing.T, settings map[string]any) conf.Namespace {
	t.Helper()
	var ns conf.Namespace
	require.NoError(t, ns.Unpack(conf.MustNewConfigFrom(map[string]any{"elasticsearch": settings})))
	return ns
}

// install installs everything and wants it to succeed.
func install(t *testing.T, f *fakeElasticsearch) {
	t.Helper()
	_, err := setupWith(t, f, defaultSetup(), server)
	require.NoError(t, err)
	f.forget()
}

// installPrevious gives the fake what version 0.9.0 of the assets would have
// left, in use: with indicators, a data stream and a running transform.
func installPrevious(t *testing.T, f *fakeElasticsearch) {
	t.Helper()
	install(t, f)
	old := object_{"managed_by": "threatqbeat", "version": "0.9.0", "hash": "0123456789abcdef"}
	f.pipelines[assets.PipelineName]["_meta"] = old
	f.indexTemplates[assets.TemplateName]["_meta"] = old
	f.indexTemplates[assets.DestTemplateName]["_meta"] = old
	policy := f.policies[assets.PolicyName]["policy"].(object_)
	policy["phases"].(object_)["delete"].(object_)["min_age"] = "3d"
	hash := assets.ContentHash(policy)
	policy["_meta"] = object_{"managed_by": "threatqbeat", "version": "0.9.0", "hash": hash}

	index := f.indices["logs-ti_threatq_latest.dest_threat-1"]
	index.mapping = object_{"_meta": old, "properties": object_{}}
	index.docs = map[string]string{"a": "1", "b": "2", "c": "3"}
	f.dataStreams["logs-ti_threatq.threat-default"] = []string{".ds-logs-ti_threatq.threat-default-000001@old"}

	id := assets.TransformID()
	f.transforms[assets.TransformPrefix+"0.9.0"] = f.transforms[id]
	f.transforms[assets.TransformPrefix+"0.9.0"].config["_meta"] = old
	delete(f.transforms, id)
}

// works says whether the active indicators are kept current: a transform runs
// and writes to the index behind the alias.
func works(f *fakeElasticsearch) bool {
	for _, tr := range f.transforms {
		dest := f.indices[tr.config["dest"].(object_)["index"].(string)]
		if tr.state == "started" && dest != nil && dest.aliases[assets.Alias] != nil {
			return true
		}
	}
	return false
}

func transformID(t *testing.T) string {
	t.Helper()
	id := assets.TransformID()
	return id
}

// golden compares with a file in which VERSION stands for the version of the assets.
func golden(t *testing.T, name, got string) {
	t.Helper()
	v := assets.Version()
	got = strings.NewReplacer(transformID(t), assets.TransformPrefix+"VERSION", `"version": "`+v+`"`, `"version": "VERSION"`).Replace(got)
	file := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

// refusedFor wants an Error whose message has all the parts.
func refusedFor(t *testing.T, err error, parts ...string) {
	t.Helper()
	var refused *Error
	require.ErrorAs(t, err, &refused)
	assert.NotEmpty(t, refused.Remedy)
	for _, p := range parts {
		assert.Contains(t, err.Error(), p)
	}
}
