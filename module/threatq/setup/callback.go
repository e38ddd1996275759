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
// root is the beat's whole configuration. The function that is returned takes
// the callback away.
func RegisterConnectCallback(root *conf.C, log *logp.Logger) (deregister func(), err error) {
	cfg, err := config.SetupFrom(root)
	if err != nil {
		return nil, err
	}
	if !cfg.Template.Enabled && !cfg.ILM.Enabled && !cfg.Pipelines.Enabled {
		return func() {}, nil
	}
	// The workers of the output connect at the same time.
	var one sync.Mutex
	id, err := esoutput.RegisterConnectCallback(func(conn *eslegclient.Connection, _ *logp.Logger) error {
		one.Lock()
		defer one.Unlock()
		return whileRunning(New(conn, cfg, WithLogger(log)).onConnect(context.Background()))
	})
	if err != nil {
		return nil, fmt.Errorf("registering the installation of the Elasticsearch assets: %w", err)
	}
	return func() { esoutput.DeregisterConnectCallback(id) }, nil
}

// whileRunning makes an error say what helps a beat that runs, which most often
// has no privileges but to publish.
func whileRunning(err error) error {
	var failed *Error
	if !errors.As(err, &failed) || failed.Kind != KindPrivilege {
		return err
	}
	e := *failed
	e.Remedy = "Run threatqbeat setup once with a user that has the role threatqbeat_setup of docs/elasticsearch.md, " +
		"and set setup.template.enabled, setup.ilm.enabled and setup.pipelines.enabled to false for this one."
	return &e
}
