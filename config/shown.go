// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/elastic/elastic-agent-libs/mapstr"
)

// Describe returns the settings by their names, those that are not set aside, for
// somebody who looks for a fault. Of what may be a secret it shows that it is set.
func (in *Input) Describe() map[string]any {
	var values map[string]any
	if err := in.raw.Unpack(&values); err != nil {
		return map[string]any{"error": err.Error()} // it could be unpacked before
	}
	shown := map[string]any{}
	for _, option := range InputSettings().All() {
		if value, _ := mapstr.M(values).GetValue(option.Name); value != nil {
			shown[option.Name] = option.shown(value)
		}
	}
	return shown
}

// shown returns what may be shown of the setting's value.
func (o Option) shown(value any) any {
	switch value := value.(type) {
	case map[string]any:
		if o.Secret() {
			return slices.Sorted(maps.Keys(value))
		}
	case []any:
		list := make([]any, 0, len(value))
		for _, element := range value {
			list = append(list, o.shown(element))
		}
		return list
	case string:
		if o.Type == TypeURL || !o.Secret() {
			return withoutUserinfo(value)
		}
	}
	if o.Secret() {
		return "(set)"
	}
	return value
}

// withoutUserinfo hides the user and the password of an address.
func withoutUserinfo(value string) string {
	if !strings.Contains(value, "@") {
		return value
	}
	address, err := url.Parse(value)
	if err != nil || address.Host == "" {
		return Redacted
	}
	address.User = nil
	return address.String()
}

// ShowRendered returns what may be shown of the configuration that Elastic Agent
// gives: inputs, a list, and outputs by their types. The names of all settings are
// shown, of the values those that are said to be harmless.
func ShowRendered(rendered map[string]any) map[string]any {
	shown := make(map[string]any, len(rendered))
	for key, value := range rendered {
		switch key {
		case "inputs":
			shown[key] = show(InputSettings(), "", value)
		case "outputs":
			shown[key] = show(LibbeatSettings(), "output", value)
		default:
			shown[key] = show(LibbeatSettings(), key, value)
		}
	}
	return shown
}

// ShowInput is ShowRendered for the settings of one input, which need not be right.
func ShowInput(settings map[string]any) any { return show(InputSettings(), "", settings) }

// show returns what may be shown of the values below path.
func show(scope *Scope, path string, value any) any {
	if option, ok := scope.Lookup(path); ok {
		return option.shown(value)
	}
	switch value := value.(type) {
	case map[string]any:
		shown := make(map[string]any, len(value))
		for key, v := range value {
			shown[key] = show(scope, strings.TrimPrefix(path+"."+key, "."), v)
		}
		return shown
	case []any:
		shown := make([]any, 0, len(value))
		for _, v := range value {
			shown = append(shown, show(scope, path, v))
		}
		return shown
	case nil, bool:
		return value
	}
	return Redacted
}
