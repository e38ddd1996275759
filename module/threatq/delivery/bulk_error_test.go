// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The answers are those of Elasticsearch 8.10.4.
func TestRemedies(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		answer string
		remedy string // what it begins with; empty: the content is the cause
	}{
		"no auto_configure": {403, `{"type":"security_exception","reason":"action [indices:admin/auto_create] is unauthorized for API key id [U9IK] of user [elastic] on indices [logs-ti_threatq.threat-b], this action is granted by the index privileges [auto_configure,create_index,manage,all]"}`, "Give the output's user"},
		"token expired":     {401, `{"type":"security_exception","reason":"unable to authenticate with provided credentials"}`, "Give the output's user"},
		"no pipeline":       {400, `{"type":"illegal_argument_exception","reason":"pipeline with id [none] does not exist"}`, "Install the ingest pipeline"},
		"write block":       {403, `{"type":"cluster_block_exception","reason":"index [.ds-logs-ti_threatq.threat-default-2026.11.24-000001] blocked by: [FORBIDDEN/8/index write (api)];"}`, "Remove the block"},
		"shard limit":       {400, `{"type":"validation_exception","reason":"Validation Failed: 1: this action would add [1] shards, but this cluster currently has [41]/[1] maximum normal shards open;"}`, "Delete indices"},
		"closed index":      {400, `{"type":"index_closed_exception","reason":"closed","index_uuid":"mrc2","index":".ds-logs-ti_threatq.threat-default-2026.11.24-000001"}`, "Open the index"},
		"no index":          {404, `{"type":"index_not_found_exception","reason":"no such index [x] and [require_alias] request flag is [true] and [x] is not an alias"}`, "Run threatqbeat setup"},
		"wrong name":        {400, `{"type":"invalid_index_name_exception","reason":"Invalid index name [Logs-UPPER], must be lowercase"}`, "Correct data_stream.namespace"},
		"op_type index":     {400, `{"type":"illegal_argument_exception","reason":"only write ops with an op_type of create are allowed in data streams"}`, "Remove op_type"},
		"licence":           {403, `{"type":"some_exception","reason":"current license is non-compliant"}`, "Remove what forbids it"},
		"a proxy's answer":  {404, `<html>`, "Create what is missing"},

		"wrong type":      {400, `{"type":"document_parsing_exception","reason":"[1:44] failed to parse field [num] of type [long] in document with id 'SdIK'. Preview of field's value: 'not a number'","caused_by":{"type":"illegal_argument_exception","reason":"For input string: \"not a number\""}}`, ""},
		"before 8.8":      {400, `{"type":"mapper_parsing_exception","reason":"failed to parse field [num] of type [long]"}`, ""},
		"strict":          {400, `{"type":"strict_dynamic_mapping_exception","reason":"[1:47] mapping set to strict, dynamic introduction of [a] within [s] is not allowed"}`, ""},
		"too many fields": {400, `{"type":"document_parsing_exception","reason":"[1:147] failed to parse: Limit of total fields [20] has been exceeded while adding new fields [15]"}`, ""},
		"a processor":     {400, `{"type":"illegal_argument_exception","reason":"field [nope] doesn't exist"}`, ""},
		"too large":       {413, `the document is larger`, ""},
	} {
		remedy := newBulkError(test.status, test.answer).remedy()
		if test.remedy == "" {
			assert.Empty(t, remedy, name)
		} else {
			assert.True(t, strings.HasPrefix(remedy, test.remedy), "%s: %q", name, remedy)
		}
	}
}

func TestBulkErrorIsOneShortLine(t *testing.T) {
	r := newBulkError(400, `{"type":"a_type","reason":"one\n two"}`)
	assert.Equal(t, "a_type: one two (status 400)", r.String())
	assert.Equal(t, "no JSON (status 404)", newBulkError(404, "no JSON").String())
	long := newBulkError(400, `{"type":"a_type","reason":"`+strings.Repeat("ä", 1000)+`"}`).String()
	assert.Less(t, len(long), 350)
	assert.True(t, strings.HasSuffix(long, "ä... (status 400)"), long)
}
