// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"errors"
	"fmt"
	"strings"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/beat/events"
	"github.com/elastic/beats/v7/libbeat/idxmgmt"
	"github.com/elastic/beats/v7/libbeat/outputs"
	"github.com/elastic/beats/v7/libbeat/outputs/outil"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// defaultIndex is the data stream of an event's namespace.
const defaultIndex = assets.DataStreamPrefix + "%{[data_stream.namespace]:default}"

// MakeIndexManager returns what instance.Settings takes as IndexManagement. It
// lets an Elasticsearch output that names no index write to the data stream
// logs-ti_threatq.threat-<data_stream.namespace>, and keeps Libbeat from
// installing a template and a policy of its own.
//
// What has to be installed while the beat runs, RegisterConnectCallback installs.
func MakeIndexManager() idxmgmt.SupportFactory {
	return func(log *logp.Logger, _ beat.Info, _ *conf.C) (idxmgmt.Supporter, error) {
		return &supporter{log: log.Named("index-management")}, nil
	}
}

type supporter struct {
	log *logp.Logger
}

// Enabled is false: nothing is left for Libbeat to install.
func (*supporter) Enabled() bool { return false }

// BuildSelector returns what finds the index of an event, from the settings
// index and indices of the output.
func (s *supporter) BuildSelector(cfg *conf.C) (outputs.IndexSelector, error) {
	selector := conf.NewConfig()
	if cfg.HasField("indices") {
		indices, err := cfg.Child("indices", -1)
		if err == nil {
			err = selector.SetChild("indices", -1, indices)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the setting indices of the output: %w", err)
		}
	}
	index := defaultIndex
	if cfg.HasField("index") {
		set, err := cfg.String("index", -1)
		if err != nil {
			return nil, fmt.Errorf("reading the setting index of the output: %w", err)
		}
		if set != "" {
			index = set
		}
	}
	if err := selector.SetString("index", -1, index); err != nil {
		return nil, fmt.Errorf("using the index %s: %w", index, err)
	}
	built, err := outil.BuildSelectorFromConfig(selector, outil.Settings{
		Key: "index", MultiKey: "indices",
		EnableSingleOnly: true, FailEmpty: true, Case: outil.SelectorLowerCase,
	}, s.log)
	if err != nil {
		return nil, fmt.Errorf("reading the settings index and indices of the output: %w", err)
	}
	return indexSelector{built}, nil
}

// Manager is not reached, because Enabled is false.
func (*supporter) Manager(idxmgmt.ClientHandler, idxmgmt.Asseter) idxmgmt.Manager { return noManager{} }

type indexSelector struct {
	output outil.Selector
}

// Select returns the index that the event itself names, as an input's setting
// index makes it, else the output's.
func (s indexSelector) Select(event *beat.Event) (string, error) {
	for _, key := range []string{events.FieldMetaIndex, events.FieldMetaRawIndex} {
		if index, err := events.GetMetaStringValue(*event, key); err == nil && index != "" {
			return strings.ToLower(index), nil
		}
	}
	return s.output.Select(event)
}

type noManager struct{}

// VerifySetup says that there is nothing to warn about.
func (noManager) VerifySetup(_, _ idxmgmt.LoadMode) (bool, string) { return true, "" }

// Setup refuses: Libbeat's way of installing knows none of our assets.
func (noManager) Setup(_, _ idxmgmt.LoadMode) error {
	return errors.New("the assets are installed by package setup only: run threatqbeat setup")
}
