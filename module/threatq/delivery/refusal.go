// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// refusal is why Elasticsearch's bulk request refused a document.
type refusal struct {
	status int
	kind   string // Elasticsearch's type of the error
	reason string
	raw    string // as it was answered
}

// maxReason is how many bytes of a reason a message shows. Elasticsearch repeats values
// of documents in it.
const maxReason = 300

func newRefusal(status int, raw string) refusal {
	r := refusal{status: status, raw: raw}
	var answer struct {
		Type   string `json:"type"`
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal([]byte(raw), &answer); err != nil {
		answer.Reason = raw
	}
	r.kind, r.reason = answer.Type, answer.Reason
	return r
}

// String returns the refusal in one line.
func (r refusal) String() string {
	text := shorten(r.reason)
	if r.kind != "" {
		text = r.kind + ": " + text
	}
	return fmt.Sprintf("%s (status %d)", text, r.status)
}

// remedies say what to do about a refusal that no document causes. Such a document is
// held. An empty kind stands for any, an empty reason likewise; the first that fits
// counts. What fits none was refused for the document's content.
var remedies = []struct {
	status       int
	kind, reason string
	remedy       string
}{
	{0, "security_exception", "", "Give the output's user or API key the privileges of docs/elasticsearch.md, among them auto_configure and create_doc"},
	{http.StatusUnauthorized, "", "", "Correct the output's credentials"},
	{0, "cluster_block_exception", "", "Remove the block of the index, and what led to it, such as a full disk"},
	{0, "", "pipeline with id [", "Install the ingest pipeline by threatqbeat setup --pipelines, or correct the name in the input's pipeline"},
	{0, "validation_exception", "", "Delete indices that nobody needs, or raise cluster.max_shards_per_node"},
	{0, "index_not_found_exception", "", "Run threatqbeat setup --index-management"},
	{0, "index_closed_exception", "", "Open the index"},
	{0, "invalid_index_name_exception", "", "Correct data_stream.namespace or index"},
	{0, "illegal_argument_exception", "only write ops with an op_type of create", "Remove op_type from the events' metadata"},
	{0, "illegal_argument_exception", "no write index is defined", "Give the alias a write index, or correct the output's index"},
	{http.StatusForbidden, "", "", "Remove what forbids it: a missing privilege, a block or an expired licence"},
	{http.StatusNotFound, "", "", "Create what is missing by threatqbeat setup"},
}

// remedy says what to do, "" when the document's content is the cause.
func (r refusal) remedy() string {
	for _, known := range remedies {
		if (known.status == 0 || known.status == r.status) &&
			(known.kind == "" || known.kind == r.kind) && strings.Contains(r.reason, known.reason) {
			return known.remedy
		}
	}
	return ""
}
