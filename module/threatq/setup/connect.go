// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/elastic/beats/v7/libbeat/esleg/eslegclient"
	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
)

const serverAsset = "Elasticsearch"

// Connect connects with the first host of the settings under
// output.elasticsearch that answers. An error is an *Error.
//
// The end of the context ends the search for a host, but no request of the
// connection: an Installer stops between two requests, and may have to put back
// what it had begun.
func Connect(ctx context.Context, output config.Namespace, beatName string, log *logp.Logger) (*eslegclient.Connection, error) {
	if output.Name() != "elasticsearch" {
		cause := "output.elasticsearch is not configured"
		if output.Name() != "" {
			cause += fmt.Sprintf(", the output is %s", output.Name())
		}
		return nil, &Error{
			Doing: "connecting with " + serverAsset, Cause: cause,
			Remedy: "Give setup the cluster to install into, for one with -E output." + cmp.Or(output.Name(), "<the other one>") + ".enabled=false -E 'output.elasticsearch.hosts=[\"https://localhost:9200\"]', or use export and install the assets by hand.",
		}
	}
	clients, err := eslegclient.NewClients(output.Config(), beatName, log)
	if err != nil {
		return nil, fmt.Errorf("reading the settings under output.elasticsearch: %w", err)
	}
	var failed *Error
	for n := range clients {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("connecting with Elasticsearch: %w", err)
		}
		conn := &clients[n]
		err := conn.Connect(context.WithoutCancel(ctx))
		if err == nil {
			return conn, nil
		}
		log.Debugw("A host of output.elasticsearch did not answer as it should.", "host", conn.URL, "error", err)
		if e := connectError(conn.URL, err); failed == nil || e.Status != 0 {
			failed = e
		}
	}
	return nil, failed
}

// ConnectToLook is Connect for a command that only looks.
func ConnectToLook(ctx context.Context, output config.Namespace, beatName string, log *logp.Logger) (*eslegclient.Connection, error) {
	conn, err := Connect(ctx, output, beatName, log)
	return conn, aside(err)
}

// connectError says why the first request to a server failed.
func connectError(host string, err error) *Error {
	status := statusOf(err)
	// The text is "<status>: <answer>".
	_, answer, _ := strings.Cut(err.Error(), ": ")
	e := errorOf("connecting with "+serverAsset+" at "+host, privilegeFor("/"), status, []byte(answer), err)
	var u *url.Error
	switch {
	case status != 0:
	case errors.As(err, &u):
		e.Cause = "the server can't be reached: " + shorten(u.Err.Error())
	default:
		e.Cause = shorten(err.Error())
	}
	return e
}
