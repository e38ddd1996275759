// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/version"
)

var update = flag.Bool("update", false, "write the golden files")

func server(v string) Server { return Server{Version: *version.MustNew(v)} }

// property returns the entry of a field in a mapping, nil without one.
func property(mapping Body, field string) Body {
	p, _ := get(mapping, "properties."+strings.Join(strings.Split(field, "."), ".properties.")).(Body)
	return p
}

func mappings(t *testing.T) (source, dest Body) {
	t.Helper()
	template := Template(server("8.0.0"))
	destTemplate := DestTemplate(server("8.0.0"))
	return get(template, "template.mappings").(Body), get(destTemplate, "template.mappings").(Body)
}

// The table is that of the requirements: every field, with exactly that type.
func TestOlder(t *testing.T) {
	for v, older := range map[string]bool{
		"8.10.4": false, "9.0.0": false, "9.10.3": false, "10.10.0": false, "10.0.0": false, "8.11.0": false, "8.10.5-SNAPSHOT": false, "8.10.4-SNAPSHOT": false, "9.0.0-rc1": false,
		"8.10.3": true, "8.9.9": true, "7.17.20": true, "8.10.3-SNAPSHOT": true, "0.0.0": true,
	} {
		assert.Equal(t, older, Older(*version.MustNew(v), "8.10.4"), v)
	}
}

func TestMappingHasTheExportedFields(t *testing.T) {
	source, dest := mappings(t)
	file, err := os.Open("testdata/exported_fields.tsv")
	require.NoError(t, err)
	defer file.Close()
	rows := 0
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		columns := strings.Split(scanner.Text(), "\t")
		require.Len(t, columns, 3)
		field, typ := columns[0], columns[1]
		if field == "field" {
			continue
		}
		rows++
		require.NotNil(t, property(source, field), field)
		assert.Equal(t, typ, property(source, field)["type"], field)

		if field == "labels.is_ioc_transform_source" {
			assert.Equal(t, "true", property(source, field)["value"])
			assert.Nil(t, property(dest, field), "the destination must not have it")
			continue
		}
		if typ == "constant_keyword" {
			typ = "keyword"
		}
		require.NotNil(t, property(dest, field), field)
		assert.Equal(t, typ, property(dest, field)["type"], field)
	}
	assert.Equal(t, 32, rows)
}

// The types are those of ECS for the fields that events use.
func TestMappingHasECSFields(t *testing.T) {
	source, dest := mappings(t)
	for field, typ := range map[string]string{
		"event.kind": "keyword", "event.category": "keyword", "event.type": "keyword",
		"event.created": "date", "event.ingested": "date", "event.original": "keyword",
		"error.message": "match_only_text", "tags": "keyword", "ecs.version": "keyword",
		"related.ip": "ip", "related.hosts": "keyword", "related.hash": "keyword",
		"threat.feed.name": "keyword", "threat.indicator.type": "keyword", "threat.indicator.name": "keyword",
		"threat.indicator.description": "keyword", "threat.indicator.confidence": "keyword",
		"threat.indicator.provider": "keyword", "threat.indicator.marking.tlp": "keyword",
		"threat.indicator.ip": "ip", "threat.indicator.port": "long", "threat.indicator.as.number": "long",
		"threat.indicator.email.address": "keyword",
		"threat.indicator.url.original":  "wildcard", "threat.indicator.url.full": "wildcard", "threat.indicator.url.path": "wildcard",
		"threat.indicator.url.scheme": "keyword", "threat.indicator.url.domain": "keyword", "threat.indicator.url.port": "long",
		"threat.indicator.url.query": "keyword", "threat.indicator.url.fragment": "keyword", "threat.indicator.url.extension": "keyword",
		"threat.indicator.url.registered_domain": "keyword", "threat.indicator.url.top_level_domain": "keyword",
		"threat.indicator.file.name": "keyword", "threat.indicator.file.path": "keyword",
		"threat.indicator.file.hash.md5": "keyword", "threat.indicator.file.hash.sha1": "keyword",
		"threat.indicator.file.hash.sha256": "keyword", "threat.indicator.file.hash.sha384": "keyword",
		"threat.indicator.file.hash.sha512": "keyword", "threat.indicator.file.hash.ssdeep": "keyword",
		"threat.indicator.registry.path": "keyword", "threat.indicator.registry.hive": "keyword", "threat.indicator.registry.key": "keyword",
		"threat.indicator.x509.serial_number": "keyword", "threat.indicator.x509.subject.distinguished_name": "keyword",
	} {
		for _, m := range []Body{source, dest} {
			require.NotNil(t, property(m, field), field)
			assert.Equal(t, typ, property(m, field)["type"], field)
		}
	}
}

// Lucene refuses a term above 32766 bytes, and Elasticsearch then its document.
func TestNoLongStringCostsItsDocument(t *testing.T) {
	source, dest := mappings(t)
	for _, m := range []Body{source, dest} {
		limited := 0
		walk(m, "", func(field string, p Body) {
			switch p["type"] {
			case "keyword":
				if p["index"] == false && p["doc_values"] == false {
					return // it is not made a term
				}
				require.Contains(t, p, "ignore_above", field)
				assert.LessOrEqual(t, p["ignore_above"], float64(32766/4), field)
				limited++
			case "flattened":
				// The term is the key and the value.
				require.Contains(t, p, "ignore_above", field)
				assert.LessOrEqual(t, p["ignore_above"], float64(4096), field)
				limited++
			}
		})
		assert.Greater(t, limited, 40)
		dynamic := get(m["dynamic_templates"].([]any)[0].(Body), "strings_as_keyword").(Body)
		assert.Equal(t, Body{"match_mapping_type": "string", "mapping": Body{"type": "keyword", "ignore_above": 1024.0}}, dynamic)
		assert.Equal(t, false, m["date_detection"])
	}
}

func walk(object Body, prefix string, visit func(string, Body)) {
	properties, _ := object["properties"].(Body)
	for name, p := range properties {
		visit(prefix+name, p.(Body))
		walk(p.(Body), prefix+name+".", visit)
	}
}

// Elasticsearch refuses an index of a data stream whose @timestamp may be malformed.
func TestTimestampIsNeverMalformed(t *testing.T) {
	source, _ := mappings(t)
	template := Template(server("8.0.0"))
	require.Equal(t, true, get(template, "template.settings.index.mapping.ignore_malformed"))
	assert.Equal(t, Body{"type": "date", "ignore_malformed": false}, property(source, "@timestamp"))
}

func TestDestinationDiffersOnlyAsItMust(t *testing.T) {
	source, dest := mappings(t)
	var differing []string
	walk(source, "", func(field string, p Body) {
		if p["type"] == nil {
			return
		}
		other := property(dest, field)
		if p["type"] == "constant_keyword" {
			differing = append(differing, field)
			return
		}
		assert.Equal(t, p, other, field)
	})
	assert.ElementsMatch(t, []string{
		"data_stream.type", "data_stream.dataset", "data_stream.namespace", "event.module", "event.dataset",
		"threat.feed.dashboard_id", "labels.is_ioc_transform_source",
	}, differing)
	walk(dest, "", func(field string, _ Body) { assert.NotNil(t, property(source, field), field) })
}

// bodies returns every Elasticsearch asset, those that depend on the server for
// each server that matters, by the name of its golden file.
func bodies(t *testing.T) map[string]Body {
	t.Helper()
	found := map[string]Body{
		"policy": Policy(), "pipeline": Pipeline(), "custom_template": CustomTemplate(), "dest_index": DestIndex(),
	}
	opts := TransformOptions{DestIndex: DestIndexPrefix + "1", Frequency: 30 * time.Second, SyncDelay: time.Minute}
	for name, s := range map[string]Server{
		"8.0.0": server("8.0.0"), "8.5.0": server("8.5.0"), "8.17.0": server("8.17.0"), "9.4.0": server("9.4.0"),
		"serverless": {Version: *version.MustNew("8.11.0"), Serverless: true},
	} {
		found[name+"/template"] = Template(s)
		found[name+"/dest_template"] = DestTemplate(s)
		found[name+"/transform"] = Transform(s, opts)
	}
	return found
}

func TestBodies(t *testing.T) {
	for name, body := range bodies(t) {
		t.Run(name, func(t *testing.T) { golden(t, filepath.Join("testdata", name+".json"), body) })
	}
}

// golden compares a body with its file, in which VERSION stands for the version of
// the assets.
func golden(t *testing.T, file string, body Body) {
	t.Helper()
	got, err := json.MarshalIndent(body, "", "  ")
	require.NoError(t, err)
	v := Version()
	got = bytes.ReplaceAll(got, []byte(`"version": "`+v+`"`), []byte(`"version": "VERSION"`))
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, append(got, '\n'), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.JSONEq(t, string(want), string(got), file)
}

// The golden files say what the bodies are; this says what they must be.
func TestBodiesFollowTheDesign(t *testing.T) {
	policy := Policy()
	assert.Equal(t, "1d", get(policy, "policy.phases.hot.actions.rollover.max_age"))
	assert.Equal(t, "50gb", get(policy, "policy.phases.hot.actions.rollover.max_primary_shard_size"))
	assert.Equal(t, "5d", get(policy, "policy.phases.delete.min_age"))

	for _, v := range []string{"8.0.0", "9.4.0"} {
		template := Template(server(v))
		assert.Equal(t, []any{"logs-ti_threatq.threat-*"}, template["index_patterns"])
		assert.Equal(t, 200, template["priority"])
		assert.Equal(t, Body{}, template["data_stream"])
		assert.Equal(t, []any{CustomTemplateName}, template["composed_of"])
		assert.Equal(t, PolicyName, get(template, "template.settings.index.lifecycle.name"))
		assert.Equal(t, PipelineName, get(template, "template.settings.index.default_pipeline"))

		dest := DestTemplate(server(v))
		assert.Equal(t, []any{"logs-ti_threatq_latest.dest_threat-*"}, dest["index_patterns"])
		assert.Equal(t, 200, dest["priority"])
		assert.NotContains(t, dest, "data_stream")
		assert.Nil(t, get(dest, "template.settings.index.lifecycle"))
		assert.Nil(t, get(dest, "template.settings.index.default_pipeline"))
	}

	alias := AliasProperties()
	assert.Equal(t, Body{"filter": Body{"range": Body{"threatq.ioc_expired_at": Body{"gt": "now"}}}}, alias)

	transform := Transform(server("8.5.0"), TransformOptions{DestIndex: "d", Frequency: 30 * time.Second, SyncDelay: time.Minute})
	assert.Equal(t, []any{"logs-ti_threatq.threat-*"}, get(transform, "source.index"))
	assert.Equal(t, Body{"unique_key": []any{"threatq.id", "threatq.indicator_id"}, "sort": "event.ingested"}, transform["latest"])
	assert.Equal(t, Body{"index": "d"}, transform["dest"])
	assert.Equal(t, "30s", transform["frequency"])
	assert.Equal(t, Body{"field": "event.ingested", "delay": "60s"}, get(transform, "sync.time"))
	assert.Equal(t, Body{"field": "threatq.ioc_expired_at", "max_age": "1m"}, get(transform, "retention_policy.time"))
	assert.Equal(t, Body{"num_failure_retries": -1}, transform["settings"])
	assert.Equal(t, []any{Body{"term": Body{"event.kind": "pipeline_error"}}}, []any{get(transform, "source.query.bool.must_not").([]any)[0]})
}

func TestSettingsThatOldServersDontKnowAreLeftOut(t *testing.T) {
	opts := TransformOptions{DestIndex: "d", Frequency: time.Second, SyncDelay: time.Second}
	for _, tc := range []struct {
		server                       Server
		retries, beyondLimit, logsdb bool // logsdb: its being switched off
		policy                       bool
	}{
		{server("8.0.0"), false, false, false, true},
		{server("8.3.3"), false, false, false, true},
		{server("8.4.0"), true, false, false, true},
		{server("8.14.0"), true, true, false, true},
		{server("8.17.0"), true, true, true, true},
		{server("9.4.0"), true, true, true, true},
		{Server{Version: *version.MustNew("8.11.0"), Serverless: true}, true, true, false, false},
	} {
		t.Run(fmt.Sprint(tc.server.Version.String(), " ", tc.server.Serverless), func(t *testing.T) {
			transform := Transform(tc.server, opts)
			assert.Equal(t, tc.retries, get(transform, "settings.num_failure_retries") == -1)
			template := Template(tc.server)
			assert.Equal(t, tc.beyondLimit, get(template, "template.settings.index.mapping.total_fields.ignore_dynamic_beyond_limit") == true)
			assert.Equal(t, tc.logsdb, get(template, "template.settings.index.mode") == "standard")
			assert.Equal(t, tc.policy, get(template, "template.settings.index.lifecycle.name") != nil)
			assert.Equal(t, !tc.policy, get(template, "template.lifecycle.data_retention") == "5d")
		})
	}
}

// A pipeline is read in Kibana, by somebody who wonders what happened.
func TestEachProcessorHasTagAndDescription(t *testing.T) {
	pipeline := Pipeline()
	seen := map[string]bool{}
	for _, list := range []string{"processors", "on_failure"} {
		processors := pipeline[list].([]any)
		require.NotEmpty(t, processors)
		for _, p := range processors {
			for kind, settings := range p.(Body) {
				// All of them are in 8.0.
				assert.Contains(t, []string{"set", "script", "remove", "append"}, kind)
				tag, _ := settings.(Body)["tag"].(string)
				require.NotEmpty(t, tag, kind)
				assert.False(t, seen[tag], "the tag %s is given twice", tag)
				seen[tag] = true
				assert.NotEmpty(t, settings.(Body)["description"], tag)
			}
		}
	}
}

func TestHashCoversTheBodyOnly(t *testing.T) {
	a := Transform(server("8.5.0"), TransformOptions{DestIndex: "a", Frequency: time.Second, SyncDelay: time.Second})
	b := Transform(server("8.5.0"), TransformOptions{DestIndex: "b", Frequency: time.Second, SyncDelay: time.Second})
	assert.NotEqual(t, Hash(a), Hash(b))

	// A server returns what it was given, whatever the order of keys.
	data, err := json.Marshal(a)
	require.NoError(t, err)
	var returned Body
	require.NoError(t, json.Unmarshal(data, &returned))
	hash := ContentHash(returned)
	assert.Equal(t, Hash(a), hash)
	assert.Equal(t, ManagedBy, MetaManagedBy(returned))
	v := Version()
	assert.Equal(t, v, MetaVersion(returned))
	assert.Empty(t, Hash(Body{"_meta": "x"}))
}

func TestMappingOfAnIndexTellsItsTemplate(t *testing.T) {
	template := Template(server("9.4.0"))
	assert.Equal(t, Hash(template), Hash(get(template, "template.mappings").(Body)))

	dest := DestTemplate(server("9.4.0"))
	old := DestTemplate(server("8.0.0"))
	hash := DestMappingHash()
	assert.Equal(t, hash, Hash(get(dest, "template.mappings").(Body)))
	assert.Equal(t, hash, Hash(get(old, "template.mappings").(Body)), "a newer server alone is no reason to move the index")
}

func TestVersionNamesTheTransform(t *testing.T) {
	v := Version()
	_, err := version.New(v)
	require.NoError(t, err)
	id := TransformID()
	assert.Equal(t, "logs-ti_threatq.latest_ioc-default-"+v, id)
}

func TestDuration(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"30s": 30 * time.Second, "60s": time.Minute, "90s": 90 * time.Second, "1h": time.Hour,
		"15m": 15 * time.Minute, "1500ms": 1500 * time.Millisecond, "120s": 2 * time.Minute,
	} {
		assert.Equal(t, want, duration(d))
	}
}
