// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"

	"github.com/elastic/elastic-agent-libs/config"
)

// InputType is the input's name in a configuration's setting type.
const InputType = "threatq"

// ReadInput reads an input's configuration over the defaults and refuses what could
// not work. The error names the input, each setting that is wrong and what would be
// right, on one line, and never a secret.
//
// Settings that a threatq input doesn't have are refused, or reported to unknown
// where that is given: Elastic Agent sends settings that are not for the input.
func ReadInput(raw *config.C, unknown func(error)) (*Input, error) {
	where := describeInput(raw)
	scope := InputSettings()
	texts := config.NewConfig() // the caller's stays as it is
	if err := texts.Merge(raw); err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	if err := takeTexts(texts, scope); err != nil {
		return nil, fmt.Errorf("%s: setting texts to their variables: %w", where, err)
	}
	raw = texts
	c := newChecker(scope, " in "+where)
	c.walk(raw, "")
	c.require(raw)
	if unknown != nil {
		for _, err := range c.unknown {
			unknown(err)
		}
		c.unknown = nil
	}
	in, err := unpackInput(raw)
	problems := append(c.unresolved, c.wrong...)
	switch {
	case err == nil:
		problems = append(problems, in.check()...)
	case len(problems) == 0:
		problems = append(problems, err)
	}
	if len(problems) > 0 {
		c.unknown = append(c.unknown, fmt.Errorf("%s: %w", where, Join(problems...)))
	}
	if err := Join(c.unknown...); err != nil {
		return nil, err
	}
	// The cursor is saved under the address, which has one form.
	base, err := in.BaseURL()
	if err != nil {
		return nil, err
	}
	in.URL = base.String()
	return in, nil
}

func unpackInput(raw *config.C) (*Input, error) {
	merged, err := withDefaults(raw, InputSettings())
	if err != nil {
		return nil, err
	}
	in := &Input{raw: merged}
	if err := merged.Unpack(in); err != nil {
		return nil, explain(merged, err, "", InputSettings())
	}
	return in, nil
}

// DefaultInput returns an input that says nothing; url, the credentials and the data
// collection have no defaults.
func DefaultInput() Input { return *must(unpackInput(config.NewConfig())) }

// Raw returns the configuration that was read, with the defaults of what it didn't
// say. It is for Filebeat, which reads some of the settings itself.
func (in *Input) Raw() *config.C { return in.raw }

func describeInput(cfg *config.C) string {
	id, err := cfg.String("id", -1)
	if err != nil || id == "" {
		return "an input without an id"
	}
	return fmt.Sprintf("input %q", id)
}
