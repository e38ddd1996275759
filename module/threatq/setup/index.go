// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"fmt"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/idxmgmt"
	"github.com/elastic/beats/v7/libbeat/outputs"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// defaultIndex is the data stream of an event's namespace.
const defaultIndex = assets.DataStreamPrefix + "%{[data_stream.namespace]:default}"

// MakeIndexManager returns Libbeat's index manager, but that an Elasticsearch output
// which names no index writes to the data stream
// logs-ti_threatq.threat-<data_stream.namespace>, and that Libbeat installs no template
// and no policy of its own.
//
// What has to be installed while the beat runs, RegisterConnectCallback installs.
func MakeIndexManager(log *logp.Logger, info beat.Info) (idxmgmt.Supporter, error) {
	libbeats, err := idxmgmt.MakeDefaultSupport(nil, log)(log, info, nil)
	return supporter{libbeats}, err
}

type supporter struct{ idxmgmt.Supporter }

// Enabled is false: nothing is left for Libbeat to install.
func (supporter) Enabled() bool { return false }

// BuildSelector returns what finds the index of an event, from the settings
// index and indices of the output.
func (s supporter) BuildSelector(output *conf.C) (outputs.IndexSelector, error) {
	var settings struct {
		Index string `config:"index"`
	}
	err := output.Unpack(&settings)
	if err == nil && settings.Index == "" {
		output, err = conf.MergeConfigs(output, conf.MustNewConfigFrom(map[string]any{"index": defaultIndex}))
	}
	var selector outputs.IndexSelector
	if err == nil {
		selector, err = s.Supporter.BuildSelector(output)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the settings index and indices of the output: %w", err)
	}
	return selector, nil
}
