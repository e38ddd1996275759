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

// request is one call of an API.
type request struct {
	doing, asset, privilege string

	method, path string
	params       map[string]string
	body         any
	// okStatus is a status of 300 or more that is no refusal.
	okStatus int
}

// do sends r and decodes the answer into out, unless that is nil. It returns
// the status. A refusal is an *Error.
func (i *Installer) do(ctx context.Context, r request, out any) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("%s %s: %w", r.doing, r.asset, err)
	}
	i.log.Debugw("Sending a request.", "method", r.method, "path", r.path, "asset", r.asset)
	status, body, err := i.es.Request(r.method, r.path, "", r.params, r.body)
	if err != nil && status < http.StatusMultipleChoices {
		// The connection failed, before the answer or within it.
		return 0, refusal(r.doing, r.asset, r.privilege, 0, nil, err)
	}
	if status >= http.StatusMultipleChoices {
		if status == r.okStatus {
			return status, nil
		}
		return status, refusal(r.doing, r.asset, r.privilege, status, body, err)
	}
	if out == nil {
		return status, nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return status, &Error{
			Kind: KindServer, Asset: r.asset, Doing: r.doing, Err: err,
			Cause:  "the server's answer is not the JSON that this API gives",
			Remedy: "Check that output.elasticsearch.hosts names Elasticsearch itself and not something before it.",
		}
	}
	return status, nil
}

// find reads an asset; found is false if the server has none.
func (i *Installer) find(ctx context.Context, asset, privilege, path string, out any) (found bool, err error) {
	status, err := i.do(ctx, request{
		doing: "reading", asset: asset, privilege: privilege,
		method: http.MethodGet, path: path, okStatus: http.StatusNotFound,
	}, out)
	return status != http.StatusNotFound, err
}

// Question is one request by which a command looks at Elasticsearch.
type Question struct {
	// Doing and Asset say in a refusal what was being done, as in "reading" and
	// "the alias". Privilege is what the request needs, Grant what to do without it.
	Doing, Asset, Privilege, Grant string
	// Method, Path, Params and Body (as JSON, nil for none) are the request.
	Method, Path string
	Params       map[string]string
	Body         any
}

// aside puts the remedies of setup into the words of a command that only looks.
var aside = strings.NewReplacer("run setup again", "try again", "Run setup again", "Try again", "What was installed before still works. ", "")

// Ask sends a request and decodes the answer into out, unless that is nil. A
// refusal is an *Error.
func Ask(ctx context.Context, es Elasticsearch, q Question, out any) error {
	_, err := New(es, config.Setup{}).do(ctx, request{
		doing: q.Doing, asset: q.Asset, privilege: q.Privilege,
		method: q.Method, path: q.Path, params: q.Params, body: q.Body,
	}, out)
	var refused *Error
	if errors.As(err, &refused) {
		refused.Remedy = aside.Replace(refused.Remedy)
		if refused.Kind == KindPrivilege {
			refused.Remedy = q.Grant
		}
	}
	return err
}
