// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beater

import (
	"errors"
	"fmt"
	"time"

	"github.com/elastic/beats/v7/libbeat/common/fmtstr"
	"github.com/elastic/beats/v7/libbeat/processors"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/mapstr"
	"github.com/elastic/go-ucfg"

	"github.com/threatqbeat/threatqbeat/config"
)

// common are the settings that every input of a Beat has. Libbeat and Filebeat
// read them, some when the input is running already and others without a word
// about a wrong value.
type common struct {
	Enabled           bool                     `config:"enabled"`
	Tags              []string                 `config:"tags"`
	Fields            mapstr.M                 `config:"fields"`
	FieldsUnderRoot   bool                     `config:"fields_under_root"`
	Processors        processors.PluginConfig  `config:"processors"`
	Index             fmtstr.EventFormatString `config:"index"`
	Pipeline          string                   `config:"pipeline"`
	KeepNull          bool                     `config:"keep_null"`
	CleanInactive     time.Duration            `config:"clean_inactive"`
	PublisherPipeline struct {
		DisableHost bool `config:"disable_host"`
	} `config:"publisher_pipeline"`
}

// checkCommon refuses values of the common settings that could not work.
func checkCommon(input *conf.C) error {
	var settings common
	if err := input.Unpack(&settings); err != nil {
		return config.ExplainInput(input, err)
	}
	for i, processor := range settings.Processors {
		// The log is for the processors that run, these only have to be possible.
		list, err := processors.New(processors.PluginConfig{processor}, logp.NewNopLogger())
		if err != nil {
			return explainProcessor(input, i, err)
		}
		if err := list.Close(); err != nil {
			return fmt.Errorf("closing the processors: %w", err)
		}
	}
	return nil
}

// explainProcessor names the processor where the error doesn't.
func explainProcessor(input *conf.C, i int, err error) error {
	var wrong ucfg.Error
	if errors.As(err, &wrong) {
		if wrong.Path() != "" {
			return config.ExplainInput(input, err)
		}
		err = wrong.Reason()
	}
	id, _ := input.String("id", -1)
	return fmt.Errorf("input %q: processors.%d can't be used: %w", id, i, err)
}
