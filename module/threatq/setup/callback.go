// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/elastic/beats/v7/libbeat/esleg/eslegclient"
	esoutput "github.com/elastic/beats/v7/libbeat/outputs/elasticsearch"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/config"
)

// RegisterConnectCallback lets the Elasticsearch output, each time that it
// connects, install the ingest pipeline, policy and templates that are missing
// or of an older version, as setup.pipelines, setup.ilm and setup.template say.
// While one fails the output stays unconnected and tries again, because events in an
// index with another mapping would be of no use.
//
// root is the beat's whole configuration.
func RegisterConnectCallback(root *conf.C, log *logp.Logger) error {
	install, err := connectCallback(root, log)
	if err != nil {
		return err
	}
	if _, err := esoutput.RegisterConnectCallback(install); err != nil {
		return fmt.Errorf("registering the installation of the Elasticsearch assets: %w", err)
	}
	return nil
}

func connectCallback(root *conf.C, log *logp.Logger) (esoutput.ConnectCallback, error) {
	cfg, err := config.SetupFrom(root)
	var one sync.Mutex // the workers of the output connect at the same time
	return func(conn *eslegclient.Connection, _ *logp.Logger) error {
		if !cfg.Template.Enabled && !cfg.ILM.Enabled && !cfg.Pipelines.Enabled {
			return nil
		}
		one.Lock()
		defer one.Unlock()
		err := New(conn, nil, cfg, log, func(Report) {}).onConnect(context.Background())
		// A beat that runs most often has no privileges but to publish.
		if failed, ok := errors.AsType[*Error](err); ok && failed.Unprivileged {
			failed.Remedy = "Run threatqbeat setup once with a user that has the role threatqbeat_setup of docs/elasticsearch.md, " +
				"and set setup.template.enabled, setup.ilm.enabled and setup.pipelines.enabled to false for this one."
		}
		return err
	}, err
}
