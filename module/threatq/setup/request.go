// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/version"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// Elasticsearch is what is needed of a connection; a connected
// eslegclient.Connection is one. It is used by one goroutine at a time.
type Elasticsearch interface {
	// Request sends body as JSON, nothing if it is nil, and returns the status
	// and the answer, which is valid until the next request. The error of an
	// answer with a status of 300 or more carries its text.
	Request(method, path, pipeline string, params map[string]string, body any) (int, []byte, error)
	// GetVersion returns the server's version.
	GetVersion() version.V
	// IsServerless says whether the server is a Serverless project.
	IsServerless() bool
}

// privileges are those that requests need, for the messages. The first one counts
// whose part is in the path.
var privileges = []struct{ part, privilege string }{
	{"/_ilm/", "the cluster privilege manage_ilm"},
	{"_template/", "the cluster privilege manage_index_templates"},
	{"/_ingest/", "the cluster privilege manage_ingest_pipelines"},
	{"/_transform/", "the cluster privilege manage_transform, with read and view_index_metadata on logs-ti_threatq.threat-* and read, index and delete on logs-ti_threatq_latest.dest_threat-*"},
	{"/_count", "read and write on the indices logs-ti_threatq_latest.*"},
	{"/_reindex", "read and write on the indices logs-ti_threatq_latest.*"},
	{"/_rollover", "manage on the indices logs-ti_threatq.threat-*"},
	{"/_alias", "manage on the indices logs-ti_threatq_latest.*"},
	{assets.DestIndexPrefix, "manage on the indices logs-ti_threatq_latest.*"},
	{"/_data_stream/", "view_index_metadata on the indices logs-ti_threatq.threat-*"},
	{"/_mapping", "view_index_metadata on the indices logs-ti_threatq.threat-*"},
	{"/_pit", "read on " + assets.Alias},
	{"/_search", "read on " + assets.Alias},
	{"", "the cluster privilege monitor"},
}

func privilegeFor(path string) string {
	for _, p := range privileges {
		if strings.Contains(path, p.part) {
			return p.privilege
		}
	}
	return ""
}

// do sends a call such as "PUT /index", and decodes the answer into out unless that
// is nil. doing says in an error what was being done, such as "reading the alias". A
// status of 300 or more that is listed as fine is no failure. An error is an *Error.
func (i *Installer) do(ctx context.Context, doing, call string, body, out any, fine ...int) (status int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("%s: %w", doing, err)
	}
	method, path, _ := strings.Cut(call, " ")
	i.log.Debugw("Sending a request.", "method", method, "path", path, "doing", doing)
	status, answer, err := i.es.Request(method, path, "", nil, body)
	switch {
	case slices.Contains(fine, status):
		return status, nil
	case status >= http.StatusMultipleChoices:
		return status, errorOf(doing, privilegeFor(path), status, answer, err)
	case err != nil: // the connection failed, before the answer or within it
		return 0, errorOf(doing, "", 0, nil, err)
	case out == nil:
		return status, nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return status, &Error{
			Doing:  doing,
			Cause:  "the server's answer is not the JSON that this API gives",
			Remedy: "Check that output.elasticsearch.hosts names Elasticsearch itself and not something before it.",
			Err:    err,
		}
	}
	return status, nil
}

// send sends a call whose answer is of no interest.
func (i *Installer) send(ctx context.Context, doing, call string, body any, fine ...int) error {
	_, err := i.do(ctx, doing, call, body, nil, fine...)
	return err
}

// find reads an asset; found is false if the server has none.
func (i *Installer) find(ctx context.Context, asset, path string, out any) (found bool, err error) {
	status, err := i.do(ctx, "reading "+asset, "GET "+path, nil, out, http.StatusNotFound)
	return status != http.StatusNotFound, err
}

// count returns how many documents of an index a query finds; nil is all.
func (i *Installer) count(ctx context.Context, what, index string, query any) (int, error) {
	call, body := "GET /"+index+"/_count", any(nil)
	if query != nil {
		call, body = "POST /"+index+"/_count", assets.Body{"query": query}
	}
	var answer struct {
		Count int `json:"count"`
	}
	_, err := i.do(ctx, "counting "+what+" of index "+index, call, body, &answer)
	return answer.Count, err
}

// Ask sends a call such as "GET /_license" of a command that only looks, and decodes
// the answer into out unless that is nil. It returns the status, 0 without an answer.
// An error is an *Error.
func Ask(ctx context.Context, es Elasticsearch, doing, call string, body, out any) (int, error) {
	status, err := looking(es).do(ctx, doing, call, body, out)
	return status, aside(err)
}

// Installed reads an asset by its path, as Ask does. It returns the object in it that has
// its _meta.
func Installed(ctx context.Context, es Elasticsearch, path string) (have assets.Body, found bool, err error) {
	have, found, err = looking(es).installed(ctx, path, path)
	return have, found, aside(err)
}

// looking returns an Installer that is used to look only.
func looking(es Elasticsearch) *Installer { return &Installer{es: es, log: logp.NewNopLogger()} }

// aside puts the remedy of setup into the words of a command that only looks.
func aside(err error) error {
	failed, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
	case failed.Unprivileged:
		failed.Remedy = "Grant it, or use the role of docs/examples/role-verify.json."
	default:
		failed.Remedy = strings.NewReplacer("run setup again", "try again", "Run setup again", "Try again", "What was installed before still works. ", "").Replace(failed.Remedy)
	}
	return err
}
