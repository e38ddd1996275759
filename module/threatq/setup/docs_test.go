// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

const docs = "../../../docs/"

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(docs + name)
	require.NoError(t, err)
	return string(text)
}

// The page shows the roles as the files have them, and names what it is about.
func TestPageIsCurrent(t *testing.T) {
	page := read(t, "elasticsearch.md")
	for _, file := range []string{"examples/role-setup.json", "examples/role-publish.json"} {
		role := strings.TrimSpace(read(t, file))
		assert.True(t, json.Valid([]byte(role)), file)
		assert.Contains(t, page, role)
	}
	for _, name := range []string{
		assets.TransformPrefix + "VERSION", assets.PolicyName, assets.PipelineName, assets.CustomTemplateName,
		assets.TemplateName, assets.DestTemplateName, indexName(1), assets.Alias, assets.DataStreams,
	} {
		assert.Contains(t, page, name)
	}
}

// Every privilege that a message asks for is one that the role for setup has.
func TestRoleForSetupSuffices(t *testing.T) {
	var role struct {
		Cluster []string `json:"cluster"`
		Indices []struct {
			Names      []string `json:"names"`
			Privileges []string `json:"privileges"`
		} `json:"indices"`
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, "examples/role-setup.json")), &role))
	for _, p := range privileges {
		if privilege, ok := strings.CutPrefix(p.privilege, "the cluster privilege "); ok {
			privilege, _, _ = strings.Cut(privilege, ",")
			assert.Contains(t, role.Cluster, privilege)
		}
	}
	assert.Len(t, role.Cluster, 5, "no more than needed")
	require.Len(t, role.Indices, 2)
	assert.Equal(t, []string{assets.DataStreams}, role.Indices[0].Names)
	assert.Equal(t, []string{assets.DestIndexPrefix + "*", assets.Alias}, role.Indices[1].Names)
	assert.Equal(t, []string{"read", "manage"}, role.Indices[0].Privileges)
	// index and delete would do for the transform, but a reindex is none of
	// what they grant.
	assert.Equal(t, []string{"read", "write", "manage"}, role.Indices[1].Privileges)
}

// The rule reads the alias only, and fields that it has.
func TestExampleRule(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(read(t, "examples/indicator-match-rule.ndjson")), "\n")
	require.Len(t, lines, 1, "one rule a line")
	var rule struct {
		Type          string   `json:"type"`
		RuleID        string   `json:"rule_id"`
		Name          string   `json:"name"`
		Description   string   `json:"description"`
		RiskScore     int      `json:"risk_score"`
		Severity      string   `json:"severity"`
		Index         []string `json:"index"`
		Query         string   `json:"query"`
		ThreatIndex   []string `json:"threat_index"`
		ThreatQuery   string   `json:"threat_query"`
		IndicatorPath string   `json:"threat_indicator_path"`
		Mapping       []struct {
			Entries []struct{ Field, Type, Value string } `json:"entries"`
		} `json:"threat_mapping"`
	}
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &rule))
	assert.Equal(t, "threat_match", rule.Type)
	assert.Equal(t, []string{assets.Alias}, rule.ThreatIndex)
	assert.Equal(t, "threat.indicator", rule.IndicatorPath)
	assert.NotContains(t, rule.ThreatQuery, "@timestamp", "an indicator is active until it expires")
	assert.Contains(t, rule.ThreatQuery, "not threatq.status:Whitelisted")
	assert.Contains(t, read(t, "elasticsearch.md"), "`"+rule.ThreatQuery+"`", "the page gives the rule's own query")
	assert.NotContains(t, lines[0], "timestamp_override", "the rule fails on events without it")
	assert.Contains(t, rule.Index, "-logs-ti_*", "an indicator is no match for itself")
	for _, s := range []string{rule.RuleID, rule.Name, rule.Description, rule.Severity, rule.Query} {
		assert.NotEmpty(t, s)
	}
	assert.Positive(t, rule.RiskScore)

	template := assets.DestTemplate(assets.Server{})
	mapping := object(object(template["template"])["mappings"])
	require.NotEmpty(t, rule.Mapping)
	for _, m := range rule.Mapping {
		require.Len(t, m.Entries, 1)
		assert.Equal(t, "mapping", m.Entries[0].Type)
		field := mapping
		for _, name := range strings.Split(m.Entries[0].Value, ".") {
			field = object(object(field["properties"])[name])
			require.NotNil(t, field, m.Entries[0].Value)
		}
		assert.NotEmpty(t, field["type"], m.Entries[0].Value)
	}
}
