// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/elastic/elastic-agent-libs/version"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// Elasticsearch is what the installer needs of a connection; a connected
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

// Privileges that requests need, for the messages.
const (
	privMonitor     = "the cluster privilege monitor"
	privILM         = "the cluster privilege manage_ilm"
	privTemplates   = "the cluster privilege manage_index_templates"
	privPipelines   = "the cluster privilege manage_ingest_pipelines"
	privTransform   = "the cluster privilege manage_transform, with read and view_index_metadata on logs-ti_threatq.threat-* and read, index and delete on logs-ti_threatq_latest.dest_threat-*"
	privDest        = "manage on the indices logs-ti_threatq_latest.*"
	privReindex     = "read and write on the indices logs-ti_threatq_latest.*"
	privDataStreams = "view_index_metadata on the indices logs-ti_threatq.threat-*"
	privRollover    = "manage on the indices logs-ti_threatq.threat-*"
)

// Request is one call of an API.
type Request struct {
	// Doing and Asset say in an error what was being done, as in "reading" and
	// "the alias". Privilege is what the request needs, Grant what a command that only
	// looks says to do without it.
	Doing, Asset, Privilege, Grant string

	Method, Path string
	Params       map[string]string
	Body         any // as JSON, nil for none
	// okStatus is a status of 300 or more that is no failure.
	okStatus int
}

// do sends r and decodes the answer into out, unless that is nil. It returns
// the status. An error is an *Error.
func (i *Installer) do(ctx context.Context, r Request, out any) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("%s %s: %w", r.Doing, r.Asset, err)
	}
	i.log.Debugw("Sending a request.", "method", r.Method, "path", r.Path, "asset", r.Asset)
	status, body, err := i.es.Request(r.Method, r.Path, "", r.Params, r.Body)
	if err != nil && status < http.StatusMultipleChoices {
		// The connection failed, before the answer or within it.
		return 0, errorOf(r.Doing, r.Asset, r.Privilege, 0, nil, err)
	}
	if status >= http.StatusMultipleChoices {
		if status == r.okStatus {
			return status, nil
		}
		return status, errorOf(r.Doing, r.Asset, r.Privilege, status, body, err)
	}
	if out == nil {
		return status, nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return status, &Error{
			Kind: KindServer, Asset: r.Asset, Doing: r.Doing, Err: err,
			Cause:  "the server's answer is not the JSON that this API gives",
			Remedy: "Check that output.elasticsearch.hosts names Elasticsearch itself and not something before it.",
		}
	}
	return status, nil
}

// send sends a call such as "PUT /index" whose answer is of no interest. Statuses of 300
// or more that are no failure are fine.
func (i *Installer) send(ctx context.Context, doing, asset, privilege, call string, body any, fine ...int) error {
	method, path, _ := strings.Cut(call, " ")
	r := Request{Doing: doing, Asset: asset, Privilege: privilege, Method: method, Path: path, Body: body}
	if len(fine) > 0 {
		r.okStatus = fine[0]
	}
	_, err := i.do(ctx, r, nil)
	return err
}

// count returns how many documents of an index a query finds; nil is all.
func (i *Installer) count(ctx context.Context, what, index string, query any) (int, error) {
	r := Request{
		Doing: "counting " + what + " of", Asset: "index " + index, Privilege: privReindex,
		Method: http.MethodGet, Path: "/" + index + "/_count",
	}
	if query != nil {
		r.Method, r.Body = http.MethodPost, assets.Body{"query": query}
	}
	var answer struct {
		Count int `json:"count"`
	}
	_, err := i.do(ctx, r, &answer)
	return answer.Count, err
}

// find reads an asset; found is false if the server has none.
func (i *Installer) find(ctx context.Context, asset, privilege, path string, out any) (found bool, err error) {
	status, err := i.do(ctx, Request{
		Doing: "reading", Asset: asset, Privilege: privilege,
		Method: http.MethodGet, Path: path, okStatus: http.StatusNotFound,
	}, out)
	return status != http.StatusNotFound, err
}

// aside puts the remedies of setup into the words of a command that only looks.
var aside = strings.NewReplacer("run setup again", "try again", "Run setup again", "Try again", "What was installed before still works. ", "")

// Ask sends a request of a command that only looks, and decodes the answer into out,
// unless that is nil. Its error is an *Error.
func Ask(ctx context.Context, es Elasticsearch, r Request, out any) error {
	_, err := New(es, config.Setup{}).do(ctx, r, out)
	var failed *Error
	if errors.As(err, &failed) {
		failed.Remedy = aside.Replace(failed.Remedy)
		if failed.Kind == KindPrivilege {
			failed.Remedy = r.Grant
		}
	}
	return err
}
