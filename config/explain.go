// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/go-ucfg"
)

// ExplainInput puts an error of unpacking an input's settings into words: the
// input, the setting, its value unless it is a secret, and what would be right.
// An error that says all that by itself loses what was added to it on the way.
func ExplainInput(cfg *config.C, err error) error {
	if wrong := innermost(err); wrong != nil {
		return fmt.Errorf("%s: %w", describeInput(cfg), explain(cfg, wrong, "", InputSettings()))
	}
	return err
}

// ExplainBeat does the same for a section of threatqbeat.yml, such as threatqbeat
// or setup, given without its key.
func ExplainBeat(key string, section *config.C, err error) error {
	if wrong := innermost(err); wrong != nil {
		return explain(section, wrong, key+".", BeatSettings())
	}
	return err
}

// innermost returns the error that knows most of the path: one setting may
// unpack others. It is nil when err doesn't come from unpacking.
func innermost(err error) ucfg.Error {
	var found ucfg.Error
	for errors.As(err, &found) {
		err = found.Reason()
	}
	return found
}

// explain puts an error of unpacking cfg into words. The settings' names in
// scope begin with prefix.
func explain(cfg *config.C, wrong ucfg.Error, prefix string, scope *Scope) error {
	path := wrong.Path()
	if base := cfg.Path(); base != "" {
		path = strings.TrimPrefix(strings.TrimPrefix(path, base), ".")
	}
	if path == "" {
		return wrong.Reason()
	}
	name := prefix + path
	if errors.Is(wrong.Reason(), ucfg.ErrMissing) {
		return fmt.Errorf("%s refers to a variable that is neither in the keystore nor in the environment: set it, or add it with the command keystore add", name)
	}
	option, known := scope.Lookup(name)
	if option.Secret {
		// The reason may quote the value.
		return fmt.Errorf("%s can't be read: it must be a text", name)
	}
	value := ""
	if text, err := cfg.String(path, -1); err == nil && known {
		value = fmt.Sprintf(" is %q", text)
	}
	// Errors of our own types say what would be right, those of Go and ucfg don't.
	if expectation := option.expectation(); known && expectation != "" {
		return fmt.Errorf("%s%s: it must be %s", name, value, expectation)
	}
	return fmt.Errorf("%s%s: %w", name, value, wrong.Reason())
}

// expectation says what a value must be, "" where that is best left to the error.
func (o Option) expectation() string {
	kinds := map[Type]string{
		TypeBool:     "true or false",
		TypeInt:      "a whole number",
		TypeFloat:    "a number",
		TypeDuration: "a duration such as 30s or 1m",
		TypeLifetime: "a whole number of days, hours or minutes above zero, such as 90d, 12h or 30m",
		TypeBytes:    "a number of bytes, or one with a unit such as 256MiB",
		TypeFileMode: "a file mode such as 0600",
		TypeList:     "a list",
		TypeObject:   "a group of settings",
	}
	text := kinds[o.Type]
	if text == "" {
		if len(o.Values) > 0 {
			return "one of " + o.RangeText()
		}
		return ""
	}
	if limits := o.RangeText(); limits != "" && o.Type != TypeBool {
		text += " (" + limits + ")"
	}
	return text
}
