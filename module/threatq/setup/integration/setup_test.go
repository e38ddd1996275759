// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// fingerprint is what changes when something is created or replaced.
func fingerprint(c *cluster) object {
	id := assets.TransformID()
	transform := c.must("GET", "/_transform/"+id, nil)
	_, policy := c.try("GET", "/_ilm/policy/"+assets.PolicyName, nil)
	return object{
		"transform": get(transform["transforms"].([]any)[0], "create_time"),
		"index":     c.must("GET", "/"+assets.DestIndexPrefix+"*/_settings?filter_path=*.settings.index.uuid", nil),
		"policy":    get(policy, assets.PolicyName, "version"),
		"alias":     c.must("GET", "/_alias/"+assets.Alias, nil),
		"template":  c.must("GET", "/_index_template/"+assets.TemplateName, nil),
		"custom":    c.must("GET", "/_component_template/"+assets.CustomTemplateName, nil),
	}
}

func TestSetupTwice(t *testing.T) {
	c := connect(t)
	c.reset()
	dir := c.beat(nil)
	first := c.setup(dir)
	assert.Contains(t, first, "transform "+assets.TransformPrefix)
	before := fingerprint(c)
	assert.Equal(t, "started", c.transformState())

	second := c.setup(dir)
	assert.Equal(t, before, fingerprint(c))
	for line := range strings.Lines(second) {
		for _, action := range []string{": created", ": updated", ": started", ": moved", ": removed"} {
			assert.NotContains(t, line, action)
		}
	}

	// What the users put into their template stays.
	own := object{"template": object{"settings": object{"index": object{"number_of_replicas": "0"}}}}
	c.must("PUT", "/_component_template/"+assets.CustomTemplateName, own)
	c.setup(dir)
	custom := c.must("GET", "/_component_template/"+assets.CustomTemplateName, nil)
	assert.Equal(t, own["template"], get(custom["component_templates"].([]any)[0], "component_template", "template"))

	// A setting of the transform reaches it, and it goes on.
	dir = c.beat(object{"setup.transforms.frequency": "7s"})
	assert.Contains(t, c.setup(dir), ": updated (and started)")
	id := assets.TransformID()
	transform := c.must("GET", "/_transform/"+id, nil)
	assert.Equal(t, "7s", get(transform["transforms"].([]any)[0], "frequency"))
	c.eventually("the transform runs", patience, func() bool { return c.transformState() == "started" })
}

// transformState returns the state of the transform; indexing counts as started.
func (c *cluster) transformState() string {
	c.t.Helper()
	id := assets.TransformID()
	stats := c.must("GET", "/_transform/"+id+"/_stats", nil)
	state := get(stats["transforms"].([]any)[0], "state").(string)
	if state == "indexing" {
		state = "started"
	}
	return state
}

// apiKey makes a key with the privileges of a file of docs/examples, and skips
// the test where security is off.
func (c *cluster) apiKey(file string) string {
	c.t.Helper()
	data, err := os.ReadFile("../../../../docs/examples/" + file)
	require.NoError(c.t, err)
	var role object
	require.NoError(c.t, json.Unmarshal(data, &role))
	status, answer := c.try("POST", "/_security/api_key", object{
		"name": "threatqbeat-integration", "expiration": "1h", "role_descriptors": object{"role": role},
	})
	text := strings.ToLower(path("%v", answer))
	if status >= 300 && (strings.Contains(text, "security") && strings.Contains(text, "enabled") ||
		strings.Contains(text, "no handler") || strings.Contains(text, "derived")) {
		c.t.Skip("this cluster or this user can't make API keys: ", text)
	}
	require.Less(c.t, status, 300, "%v", answer)
	c.t.Cleanup(func() { c.try("DELETE", "/_security/api_key", object{"ids": []any{answer["id"]}}) })
	return path("%s:%s", answer["id"], answer["api_key"])
}

// with returns the output's settings with another key.
func (c *cluster) with(apiKey string) object {
	settings := object{}
	for k, v := range c.settings {
		settings[k] = v
	}
	delete(settings, "username")
	delete(settings, "password")
	settings["api_key"] = apiKey
	return settings
}

// The documented roles are enough, and the one for publishing is not enough for setup.
func TestDocumentedRoles(t *testing.T) {
	c := connect(t)
	c.reset()
	setupKey, publishKey := c.apiKey("role-setup.json"), c.apiKey("role-publish.json")

	output, code := c.beatAs(c.with(publishKey), nil).Run("setup", "--index-management")
	assert.Equal(t, 1, code)
	assert.Contains(t, output, "the user lacks a privilege")
	assert.Contains(t, output, "manage_ilm")

	c.setup(c.beatAs(c.with(setupKey), nil))

	sim := startAppliance(t, 1, 5)
	dir := c.beatAs(c.with(publishKey), object{
		"setup.template.enabled": false, "setup.ilm.enabled": false, "setup.pipelines.enabled": false,
	}, sim.input("publisher", nil))
	beat := dir.Start("run")
	c.eventually("what a publisher publishes is active", patience, func() bool { return len(c.active()) == 5 })
	beat.Stop()

	// An upgrade needs more than the first setup: it rolls over, reindexes and
	// replaces the transform.
	c.makeOlder()
	output = c.setup(c.beatAs(c.with(setupKey), nil))
	assert.Contains(t, output, "moved (from "+assets.DestIndexPrefix+"1 to "+assets.DestIndexPrefix+"2")
	assert.Equal(t, "started", c.transformState())
	assert.Len(t, c.active(), 5)
}

func TestWrongCredentials(t *testing.T) {
	c := connect(t)
	if status, _, err := (&cluster{http: c.http, auth: func(*http.Request) {}}).send(c.url, "GET", "/", nil); err != nil || status != http.StatusUnauthorized {
		t.Skip("this cluster asks for no credentials")
	}
	output, code := c.beatAs(c.with("wrong:key"), nil).Run("setup")
	assert.Equal(t, 1, code)
	assert.Contains(t, output, "api_key")
	assert.NotContains(t, output, "wrong:key")
}
