// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

const docs = "../../../../docs/"

// importRules imports a file of docs/examples, and deletes its rules at the end.
func (c *cluster) importRules(kibana, name string) {
	c.t.Helper()
	rules, err := os.ReadFile(docs + "examples/" + name)
	require.NoError(c.t, err)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile("file", name)
	require.NoError(c.t, err)
	_, err = file.Write(rules)
	require.NoError(c.t, err)
	require.NoError(c.t, form.Close())
	request, err := http.NewRequest("POST", kibana+"/api/detection_engine/rules/_import?overwrite=true", &body)
	require.NoError(c.t, err)
	request.Header.Set("Content-Type", form.FormDataContentType())
	request.Header.Set("kbn-xsrf", "threatqbeat")
	c.auth(request)
	response, err := c.http.Do(request)
	require.NoError(c.t, err)
	defer response.Body.Close()
	var answer object
	require.NoError(c.t, json.NewDecoder(response.Body).Decode(&answer))
	require.Equal(c.t, true, answer["success"], "%v", answer)
	assert.EqualValues(c.t, strings.Count(string(rules), "\n"), answer["success_count"])
}

// runRule switches a rule on, with a short interval, until the test ends.
func (c *cluster) runRule(kibana, id string) {
	c.t.Helper()
	c.t.Cleanup(func() {
		_, _, err := c.send(kibana, "DELETE", "/api/detection_engine/rules?rule_id="+id, nil)
		assert.NoError(c.t, err)
		c.try("POST", "/.alerts-security.alerts-default/_delete_by_query?refresh&conflicts=proceed&ignore_unavailable=true",
			object{"query": object{"term": object{"kibana.alert.rule.rule_id": id}}})
	})
	status, answer, err := c.send(kibana, "PATCH", "/api/detection_engine/rules", object{"rule_id": id, "interval": "5s", "enabled": true})
	require.NoError(c.t, err)
	require.Equal(c.t, http.StatusOK, status, "%v", answer)
}

// alerts returns the messages of the events of a rule's alerts.
func (c *cluster) alerts(id string) []string {
	c.t.Helper()
	messages := []string{}
	status, answer := c.try("POST", "/.alerts-security.alerts-default/_search?ignore_unavailable=true", object{
		"query": object{"term": object{"kibana.alert.rule.rule_id": id}}, "size": 100,
	})
	if status == http.StatusServiceUnavailable {
		return messages // Kibana has just made the index
	}
	require.Less(c.t, status, 300, "%v", answer)
	for _, hit := range get(answer, "hits", "hits").([]any) {
		message, _ := get(hit, "_source", "message").(string)
		messages = append(messages, message)
	}
	return messages
}

// executions returns how often a rule has run, and fails the test if it failed.
func (c *cluster) executions(kibana, id string) string {
	c.t.Helper()
	_, rule, err := c.send(kibana, "GET", "/api/detection_engine/rules?rule_id="+id, nil)
	require.NoError(c.t, err)
	last := get(rule, "execution_summary", "last_execution")
	require.NotEqual(c.t, "failed", get(last, "status"), "%v", last)
	date, _ := get(last, "date").(string)
	return date
}

const hashes = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"

// putFiles makes three indicators of files: an active one, one whose status is
// Expired, and one that is whitelisted.
func (a *appliance) putFiles() {
	for id, status := range map[int]string{1: "Active", 2: "Expired", 3: "Whitelisted"} {
		a.put(id, simulator.Fields{"type": "SHA-256", "value": hashes + path("%d", id), "status": status})
	}
}

// The shipped rule fires for an active indicator, also with events that have no
// event.ingested, and stays silent for an expired and a whitelisted one.
func TestRuleFires(t *testing.T) {
	url := kibana(t)
	c := connect(t)
	c.reset()
	sim := startAppliance(t, 1, 3)
	sim.putFiles()
	dir := c.beat(nil, sim.input("one", nil))
	c.setup(dir)
	beat := dir.Start("run")
	c.eventually("the two that have not expired are active", patience, func() bool { return len(c.active()) == 2 && c.has(1, 3) })
	beat.Stop()

	const events, rule = "logs-threatqbeat.check-default", "threatqbeat-active-indicator-match"
	c.try("DELETE", "/_data_stream/"+events, nil)
	t.Cleanup(func() { c.try("DELETE", "/_data_stream/"+events, nil) })
	for id, message := range map[int]string{1: "active", 2: "expired", 3: "whitelisted"} {
		c.must("POST", "/"+events+"/_doc?refresh", object{
			"@timestamp": time.Now(), "message": message, "file": object{"hash": object{"sha256": hashes + path("%d", id)}},
		})
	}
	c.importRules(url, "indicator-match-rule.ndjson")
	c.runRule(url, rule)
	c.eventually("the rule fires", 3*time.Minute, func() bool {
		c.executions(url, rule)
		return len(c.alerts(rule)) > 0
	})
	// Two more runs change nothing.
	for range 2 {
		last := c.executions(url, rule)
		c.eventually("the rule runs again", patience, func() bool { return c.executions(url, rule) != last })
	}
	assert.Equal(t, []string{"active"}, c.alerts(rule))
}

// The rule on what could not be processed fires for what the appliance sent and what
// the pipeline refused.
func TestPipelineErrorRuleFires(t *testing.T) {
	url := kibana(t)
	c := connect(t)
	c.reset()
	c.setup(c.beat(nil))
	const rule = "threatqbeat-pipeline-error"
	c.must("POST", "/"+assets.DataStreamPrefix+"default/_doc?refresh", object{
		"@timestamp": "2024-01-01T00:00:00Z", "message": "an old indicator", "threatq": object{"expires_at": "nonsense"},
	})
	c.must("POST", "/"+assets.DataStreamPrefix+"default/_doc?refresh", object{
		"@timestamp": time.Now(), "message": "a good one", "threatq": object{"id": 1},
	})
	c.importRules(url, "pipeline-error-rule.ndjson")
	c.runRule(url, rule)
	c.eventually("the rule fires", 3*time.Minute, func() bool {
		c.executions(url, rule)
		return len(c.alerts(rule)) > 0
	})
	assert.Equal(t, []string{"an old indicator"}, c.alerts(rule))
}

// The rule on a stale feed is active when nothing arrived, and recovers with an event
// that says that the input collects; a pipeline error is no such event.
func TestFeedStaleRule(t *testing.T) {
	url := kibana(t)
	c := connect(t)
	c.reset()
	c.setup(c.beat(nil))
	events := "/" + assets.DataStreamPrefix + "default/_doc?refresh"
	c.must("POST", events, object{"@timestamp": time.Now(), "event": object{"kind": "pipeline_error"}})

	data, err := os.ReadFile(docs + "examples/feed-stale-rule.json")
	require.NoError(t, err)
	var body object
	require.NoError(t, json.Unmarshal(data, &body))
	body["schedule"] = object{"interval": "5s"}
	status, rule, err := c.send(url, "POST", "/api/alerting/rule", body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, "%v", rule)
	at := path("/api/alerting/rule/%s", rule["id"])
	t.Cleanup(func() { _, _, _ = c.send(url, "DELETE", at, nil) })
	state := func() any {
		_, answer, err := c.send(url, "GET", at, nil)
		require.NoError(t, err)
		require.NotEqual(t, "failed", get(answer, "last_run", "outcome"), "%v", answer)
		return get(answer, "execution_status", "status")
	}
	c.eventually("the rule is active", 2*time.Minute, func() bool { return state() == "active" })
	c.must("POST", events, object{"@timestamp": time.Now(), "event": object{"kind": "state"}})
	c.eventually("it recovers", 2*time.Minute, func() bool { return state() == "ok" })
}
