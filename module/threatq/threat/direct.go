// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"fmt"
	"slices"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/publisher/processing"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/mapstr"
	"github.com/elastic/elastic-agent-libs/paths"
)

// Processing returns a factory of Libbeat's processing of events, around another one. It
// finds out whether the events of an input are direct: no processor sees them, no
// fields of the user's are added, and the output does nothing but write them. Then they
// cost less, because they are made of objects that encode themselves instead of maps,
// share those in which they don't differ, and have no key. The documents are the same,
// and go to the same data stream: data_stream stays a map, because its index is chosen
// by that.
func Processing(factory processing.SupportFactory) processing.SupportFactory {
	return func(info beat.Info, log *logp.Logger, cfg *conf.C) (processing.Supporter, error) {
		support, err := factory(info, log, cfg)
		if err != nil {
			return nil, err
		}
		settings := struct {
			Fields     mapstr.M       `config:"fields"`
			TimeSeries bool           `config:"timeseries.enabled"`
			Output     conf.Namespace `config:"output"`
		}{}
		if err := cfg.Unpack(&settings); err != nil {
			return nil, fmt.Errorf("reading what is added to events: %w", err)
		}
		if len(support.Processors()) > 0 || len(settings.Fields) > 0 || settings.TimeSeries || !writesOnly(settings.Output) {
			return support, nil
		}
		return directSupport{support}, nil
	}
}

// selectors are the settings of the output elasticsearch that may name fields of events.
var selectors = []string{"index", "indices", "pipeline", "pipelines"}

// writesOnly reports whether an output looks at no field of an event but data_stream.
func writesOnly(output conf.Namespace) bool {
	switch output.Name() {
	case "discard":
		return true
	case "elasticsearch":
		return !slices.ContainsFunc(selectors, output.Config().HasField)
	}
	return false
}

type directSupport struct{ processing.Supporter }

// Create makes the processing for a client. The mapper of an input is the private part
// of the client's configuration.
func (s directSupport) Create(cfg beat.ProcessingConfig, drop bool, p *paths.Path) (beat.Processor, error) {
	m, ok := cfg.Private.(*Mapper)
	if ok && len(cfg.EventMetadata.Fields) == 0 && (cfg.Processor == nil || len(cfg.Processor.All()) == 0) {
		m.direct = true
		cfg.Fields = cfg.Fields.Clone()
		for name := range m.Common() { // the mapper adds them
			delete(cfg.Fields, name)
		}
	}
	return s.Supporter.Create(cfg, drop, p)
}
