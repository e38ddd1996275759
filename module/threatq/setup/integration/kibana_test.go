// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	libversion "github.com/elastic/elastic-agent-libs/version"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// kibana returns the URL of Kibana, and skips the test without one.
func kibana(t *testing.T) string {
	t.Helper()
	url := strings.TrimSuffix(os.Getenv("KIBANA_URL"), "/")
	if url == "" {
		t.Skip("KIBANA_URL is not set")
	}
	return url
}

// needsKibana skips the test where Kibana is older than the version from which on it does what the test is about.
func (c *cluster) needsKibana(url, from, does string) {
	c.t.Helper()
	version, _ := get(c.kibanaMust(url, "GET", "/api/status", nil), "version", "number").(string)
	if libversion.MustNew(version).LessThan(libversion.MustNew(from)) {
		c.t.Skipf("Kibana %s from %s on, this is %s", does, from, version)
	}
}

// kibanaMust sends a request to Kibana and wants it to succeed.
func (c *cluster) kibanaMust(kibana, method, path string, body any) object {
	c.t.Helper()
	status, answer, err := c.send(kibana, method, path, body)
	require.NoError(c.t, err)
	require.Less(c.t, status, 300, "%s %s: %v", method, path, answer)
	return answer
}

// dashboardSettings are those for setup --dashboards.
func (c *cluster) dashboardSettings(kibana string) object {
	settings := object{"setup.kibana.host": kibana}
	if ca := c.settings["ssl.certificate_authorities"]; ca != nil {
		settings["setup.kibana.ssl.certificate_authorities"] = ca
	}
	return settings
}

// savedObjects returns what `export dashboard` prints, by type and id.
func savedObjects(t *testing.T) []object {
	t.Helper()
	ndjson, code := beattest.NewDir(t).Run("export", "dashboard")
	require.Zero(t, code, ndjson)
	objects := []object{}
	for line := range strings.Lines(ndjson) {
		var o object
		require.NoError(t, json.Unmarshal([]byte(line), &o))
		objects = append(objects, object{"type": o["type"], "id": o["id"]})
	}
	require.NotEmpty(t, objects)
	return objects
}

func TestDashboards(t *testing.T) {
	url := kibana(t)
	c := connect(t)
	dir := c.beat(c.dashboardSettings(url))
	output, code := dir.Run("setup", "--dashboards")
	require.Zero(t, code, output)
	objects := savedObjects(t)
	// Kibana exports them with all that they refer to, so nothing is missing.
	answer := c.kibanaMust(url, "POST", "/api/saved_objects/_export", object{"objects": objects, "includeReferencesDeep": true, "excludeExportDetails": false})
	lines := strings.Split(strings.TrimSpace(answer["text"].(string)), "\n")
	var details object
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &details))
	assert.EqualValues(t, 0, details["missingRefCount"])
	assert.EqualValues(t, len(objects), details["exportedCount"])

	output, code = dir.Run("setup", "--dashboards")
	require.Zero(t, code, output)
}

// A user who has the documented role for setup, and no other, imports the dashboards with their tag.
func TestSetupRoleImportsDashboards(t *testing.T) {
	url := kibana(t)
	c := connect(t)
	const name, password = "threatqbeat_integration_setup", "integration-password"
	role, err := os.ReadFile(docs + "examples/role-setup.json")
	require.NoError(t, err)
	c.must("PUT", "/_security/role/"+name, json.RawMessage(role))
	c.must("PUT", "/_security/user/"+name, object{"password": password, "roles": []string{name}})
	t.Cleanup(func() {
		c.must("DELETE", "/_security/user/"+name, nil)
		c.must("DELETE", "/_security/role/"+name, nil)
	})
	for _, o := range savedObjects(t) {
		status, answer, err := c.send(url, "DELETE", path("/api/saved_objects/%s/%s?force=true", o["type"], o["id"]), nil)
		require.NoError(t, err)
		require.Contains(t, []int{http.StatusOK, http.StatusNotFound}, status, "%v", answer)
	}

	settings := object{}
	for k, v := range c.settings {
		settings[k] = v
	}
	delete(settings, "api_key")
	settings["username"], settings["password"] = name, password
	for _, want := range []string{"created", "updated"} {
		output, code := c.beatAs(settings, c.dashboardSettings(url)).Run("setup", "--dashboards")
		require.Zero(t, code, output)
		assert.Contains(t, output, want)
	}
	dashboard := c.kibanaMust(url, "GET", "/api/saved_objects/dashboard/threatq-overview", nil)
	assert.Contains(t, dashboard["references"], object{"type": "tag", "id": "security-solution-default", "name": "tag-ref-security-solution-default"})
	tag := c.kibanaMust(url, "GET", "/api/saved_objects/tag/security-solution-default", nil)
	assert.Equal(t, "Security Solution", get(tag, "attributes", "name"))
}

// setting returns the value that docs/elasticsearch.md gives of an advanced setting of Kibana.
func setting(t *testing.T, name string) []string {
	t.Helper()
	page, err := os.ReadFile(docs + "elasticsearch.md")
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)`" + regexp.QuoteMeta(name) + "`.*?```\n(.*?)\n```").FindSubmatch(page)
	require.NotNil(t, found, "docs/elasticsearch.md gives no value of %s", name)
	return strings.Split(string(found[1]), ",")
}

// What Security searches finds each active indicator once, with the settings that docs/elasticsearch.md gives:
// the Intelligence page with its indicators' flyout by its own search, and the flyout of an alert by the
// same on the threat indices.
func TestIntelligenceSearch(t *testing.T) {
	url := kibana(t)
	c := connect(t)
	c.needsKibana(url, "8.6.0", "has the search of its Intelligence page")
	c.reset()
	sim := startAppliance(t, 1, 20)
	passes := time.Now().Add(25 * time.Second)
	sim.put(1, simulator.Fields{"status": "Active", "expires_at": date(passes)})
	dir := c.beat(nil, sim.input("one", nil))
	c.setup(dir)
	beat := dir.Start("run")
	c.eventually("the one that is about to expire is active", patience, func() bool { return c.has(1) })
	sim.put(2, simulator.Fields{"status": "Active", "expires_at": nil}) // a second version
	c.eventually("it has expired, and the transform has not removed it", patience, func() bool {
		_, found := c.try("POST", "/"+assets.DestIndexPrefix+"*/_count", object{"query": object{"term": object{"threatq.id": 1}}})
		return !c.has(1) && c.has(2) && found["count"] == 1.0
	})
	beat.Stop()
	active := c.active()

	// search sends what the page sends, and returns the numbers of the indicators it gets.
	search := func(patterns []string) []int {
		request := object{
			"factoryQueryType": "indicatorGrid",
			"params": object{"index": patterns, "body": object{
				"size": 1000, "fields": []any{object{"field": "*", "include_unmapped": true}},
				"query": object{"bool": object{"filter": []any{
					object{"term": object{"event.type": "indicator"}}, object{"term": object{"event.category": "threat"}},
				}}},
			}},
		}
		var answer object
		c.eventually("an answer that is not about a search that still runs", patience, func() bool {
			answer = c.kibanaMust(url, "POST", "/internal/search/threatIntelligenceSearchStrategy", request)
			return answer["isRunning"] != true
		})
		ids := []int{}
		for _, hit := range get(answer, "rawResponse", "hits", "hits").([]any) {
			ids = append(ids, int(get(hit, "fields", "threatq.id").([]any)[0].(float64)))
			assert.NotEmpty(t, get(hit, "fields", "threat.indicator.name"), "the page's name of the indicator: %v", hit)
		}
		return ids
	}
	want := []int{}
	for id := range active {
		want = append(want, id)
	}
	security := []string{"auditbeat-*", "filebeat-*", "logs-*", "winlogbeat-*"}
	assert.Greater(t, len(search(security)), len(want), "without the setting there are source documents among them")
	assert.ElementsMatch(t, want, search(append(security, setting(t, "securitySolution:defaultIndex")...)))
	assert.ElementsMatch(t, want, search(setting(t, "securitySolution:defaultThreatIndex")))
}
