// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/cfgfile"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/transport/tlscommon"

	"github.com/threatqbeat/threatqbeat/config"
)

// elsewhere are the settings of an input that Libbeat and Filebeat read, not
// config.Input.
var elsewhere = []string{
	"type", "enabled", "tags", "fields", "fields_under_root", "processors", "index",
	"pipeline", "keep_null", "publisher_pipeline.disable_host", "clean_inactive",
}

func TestInputSettingsAreThoseOfTheStruct(t *testing.T) {
	defined := slices.DeleteFunc(config.InputSettings().Names(), func(name string) bool {
		return slices.Contains(elsewhere, name)
	})
	require.ElementsMatch(t, settingsOf(reflect.TypeFor[config.Input](), ""), defined)
}

func TestBeatSettingsAreThoseOfTheStructs(t *testing.T) {
	read := settingsOf(reflect.TypeFor[config.Config](), "threatqbeat.")
	read = slices.DeleteFunc(read, func(name string) bool { return name == "threatqbeat.config.inputs" })
	read = append(read, "threatqbeat.config.inputs.enabled")
	read = append(read, settingsOf(reflect.TypeFor[cfgfile.DynamicConfig](), "threatqbeat.config.inputs.")...)

	defined := slices.DeleteFunc(config.BeatSettings().Names(), func(name string) bool {
		return !strings.HasPrefix(name, "threatqbeat.")
	})
	require.ElementsMatch(t, read, defined)
}

func TestSetupSettingsAreThoseOfTheStruct(t *testing.T) {
	defined := slices.DeleteFunc(config.BeatSettings().Names(), func(name string) bool {
		return !strings.HasPrefix(name, "setup.")
	})
	require.ElementsMatch(t, settingsOf(reflect.TypeFor[config.Setup](), "setup."), defined)
}

func unpackSetup(t *testing.T, with map[string]any) (config.Setup, error) {
	t.Helper()
	return config.SetupFrom(conf.MustNewConfigFrom(with))
}

func TestSetupDefaultsAndRanges(t *testing.T) {
	unset, err := unpackSetup(t, nil)
	require.NoError(t, err)
	for _, option := range config.BeatSettings().All() {
		if !strings.HasPrefix(option.Name, "setup.") {
			continue
		}
		t.Run(option.Name, func(t *testing.T) {
			if option.Default != nil {
				set, err := unpackSetup(t, map[string]any{option.Name: option.Default})
				require.NoError(t, err)
				require.Equal(t, unset, set)
			}
			for bound, step := range map[string]int{option.Min: -1, option.Max: +1} {
				if bound == "" {
					continue
				}
				_, err := unpackSetup(t, map[string]any{option.Name: bound})
				require.NoError(t, err)
				_, err = unpackSetup(t, map[string]any{option.Name: next(t, option, bound, step)})
				require.ErrorContains(t, err, option.Name)
			}
		})
	}
}

// minimal is a configuration with the required settings and nothing else.
func minimal() map[string]any {
	return map[string]any{
		"type":                      "threatq",
		"id":                        "test",
		"url":                       "https://threatq.example.com",
		"auth.oauth2.client.id":     "id",
		"auth.oauth2.client.secret": "secret",
		"data_collection_id":        "0123456789abcdef",
	}
}

func unpackInput(t *testing.T, with map[string]any) (config.Input, error) {
	t.Helper()
	settings := minimal()
	maps.Copy(settings, with)
	raw, err := conf.NewConfigFrom(settings)
	require.NoError(t, err)
	require.NoError(t, config.CheckInput(raw))
	return config.UnpackInput(raw)
}

func TestRequiredInputSettings(t *testing.T) {
	_, err := unpackInput(t, nil)
	require.NoError(t, err)
	for _, option := range config.InputSettings().All() {
		if !option.Required || slices.Contains(elsewhere, option.Name) {
			continue
		}
		t.Run(option.Name, func(t *testing.T) {
			settings := minimal()
			require.Contains(t, settings, option.Name)
			delete(settings, option.Name)
			raw, err := conf.NewConfigFrom(settings)
			require.NoError(t, err)
			_, err = config.UnpackInput(raw)
			require.ErrorContains(t, err, option.Name)
		})
	}
}

// Setting a default changes nothing.
func TestInputDefaults(t *testing.T) {
	unset, err := unpackInput(t, nil)
	require.NoError(t, err)
	for _, option := range config.InputSettings().All() {
		if option.Default == nil || slices.Contains(elsewhere, option.Name) {
			continue
		}
		t.Run(option.Name, func(t *testing.T) {
			set, err := unpackInput(t, map[string]any{option.Name: option.Default})
			require.NoError(t, err)
			if strings.HasPrefix(option.Name, "request.ssl.") {
				// The section is read into a struct only once it is there.
				require.Equal(t, effectiveTLS(t, &tlscommon.Config{}), effectiveTLS(t, set.Request.SSL.Settings()))
				return
			}
			require.Equal(t, unset, set)
		})
	}
}

// effectiveTLS returns what the TLS settings come to when a client uses them.
func effectiveTLS(t *testing.T, cfg *tlscommon.Config) map[string]any {
	t.Helper()
	settings, err := tlscommon.LoadTLSConfig(cfg, logp.NewNopLogger())
	require.NoError(t, err)
	used := settings.BuildModuleClientConfig("threatq.example.com")
	return map[string]any{
		"min version":   used.MinVersion,
		"max version":   used.MaxVersion,
		"renegotiation": used.Renegotiation,
		"verification":  settings.Verification,
		"authorities":   used.RootCAs,
		"certificates":  len(used.Certificates),
		"cipher suites": len(used.CipherSuites),
		"curves":        len(used.CurvePreferences),
		"pins":          settings.CASha256,
	}
}

func TestBeatDefaults(t *testing.T) {
	empty, err := config.Unpack(conf.NewConfig())
	require.NoError(t, err)
	for _, option := range config.BeatSettings().All() {
		name, ok := strings.CutPrefix(option.Name, "threatqbeat.")
		if !ok || option.Default == nil || strings.HasPrefix(name, "config.inputs.") {
			continue
		}
		t.Run(option.Name, func(t *testing.T) {
			value := option.Default
			if option.Type == config.TypeFileMode {
				value, err = strconv.ParseUint(fmt.Sprint(value), 8, 32)
				require.NoError(t, err)
			}
			set, err := config.Unpack(conf.MustNewConfigFrom(map[string]any{name: value}))
			require.NoError(t, err)
			require.Equal(t, empty, set)
		})
	}
	reload := cfgfile.DefaultDynamicConfig
	require.NoError(t, conf.MustNewConfigFrom(map[string]any{
		"reload.enabled": lookup(t, "threatqbeat.config.inputs.reload.enabled").Default,
		"reload.period":  lookup(t, "threatqbeat.config.inputs.reload.period").Default,
	}).Unpack(&reload))
	require.Equal(t, cfgfile.DefaultDynamicConfig, reload)
}

func lookup(t *testing.T, name string) config.Option {
	t.Helper()
	option, ok := config.BeatSettings().Lookup(name)
	require.True(t, ok, name)
	return option
}

// The bounds of the documentation are those of the code: the bound itself is
// accepted, the next value beyond it refused by name.
func TestInputRanges(t *testing.T) {
	for _, option := range config.InputSettings().All() {
		if option.Min != "" {
			t.Run(option.Name+"/min", func(t *testing.T) { checkBound(t, option, option.Min, -1) })
		}
		if option.Max != "" {
			t.Run(option.Name+"/max", func(t *testing.T) { checkBound(t, option, option.Max, +1) })
		}
	}
}

func checkBound(t *testing.T, option config.Option, bound string, step int) {
	within := map[string]any{option.Name: bound}
	beyond := map[string]any{option.Name: next(t, option, bound, step)}
	if option.Name == "request.retry.wait_min" {
		within["request.retry.wait_max"] = "1h"
	}
	if option.Name == "request.retry.wait_max" {
		within["request.retry.wait_min"] = "1ns"
	}
	_, err := unpackInput(t, within)
	require.NoError(t, err)
	_, err = unpackInput(t, beyond)
	require.ErrorContains(t, err, option.Name)
}

// next returns the value after bound in the direction of step.
func next(t *testing.T, option config.Option, bound string, step int) any {
	t.Helper()
	switch option.Type {
	case config.TypeInt:
		number, err := strconv.Atoi(bound)
		require.NoError(t, err)
		return number + step
	case config.TypeFloat:
		number, err := strconv.ParseFloat(bound, 64)
		require.NoError(t, err)
		return number + 0.001*float64(step)
	case config.TypeDuration:
		duration, err := time.ParseDuration(bound)
		require.NoError(t, err)
		return (duration + time.Duration(step)).String()
	case config.TypeBytes:
		bytes, err := humanize.ParseBytes(bound)
		require.NoError(t, err)
		return int64(bytes) + int64(step)
	case config.TypeLifetime:
		number, err := strconv.Atoi(bound[:len(bound)-1])
		require.NoError(t, err)
		return fmt.Sprint(number+step, bound[len(bound)-1:])
	default:
		require.FailNow(t, "a range needs a type with an order", "%s is a %s", option.Name, option.Type)
		return nil
	}
}

func TestInputValues(t *testing.T) {
	for _, option := range config.InputSettings().All() {
		if len(option.Values) == 0 || slices.Contains(elsewhere, option.Name) {
			continue
		}
		t.Run(option.Name, func(t *testing.T) {
			for _, value := range option.Values {
				_, err := unpackInput(t, map[string]any{option.Name: value})
				require.NoError(t, err)
			}
			_, err := unpackInput(t, map[string]any{option.Name: "something else"})
			require.ErrorContains(t, err, option.Name)
		})
	}
}
