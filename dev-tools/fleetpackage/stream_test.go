// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package fleetpackage_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	_ "github.com/elastic/beats/v7/libbeat/processors/actions"
	conf "github.com/elastic/elastic-agent-libs/config"

	"github.com/threatqbeat/threatqbeat/config"
)

// settings says which setting of the input each variable of the package is.
var settings = map[string]string{
	"url":                        "url",
	"data_collection_id":         "data_collection_id",
	"client_id":                  "auth.oauth2.client.id",
	"client_secret":              "auth.oauth2.client.secret",
	"token_url":                  "auth.oauth2.token_url",
	"interval":                   "interval",
	"ioc_expiration_duration":    "ioc_expiration_duration",
	"expired_statuses":           "expired_statuses",
	"preserve_original_event":    "preserve_original_event",
	"page_size":                  "page_size",
	"fields_param":               "fields_param",
	"request_timeout":            "request.timeout",
	"request_proxy_url":          "request.proxy_url",
	"request_ssl":                "",
	"request_retry_max_attempts": "request.retry.max_attempts",
	"request_rate_limit_limit":   "request.rate_limit.limit",
	"request_tracer_enabled":     "request.tracer.enabled",
	"tags":                       "tags",
	"processors":                 "processors",
}

// types says which types of variables suit a setting's type.
var types = map[config.Type][]string{
	config.TypeString:     {"text", "password"},
	config.TypeURL:        {"url"},
	config.TypeBool:       {"bool"},
	config.TypeInt:        {"integer"},
	config.TypeFloat:      {"text"},
	config.TypeDuration:   {"text"},
	config.TypeLifetime:   {"text"},
	config.TypeList:       {"text"},
	config.TypeProcessors: {"yaml"},
}

type variable struct {
	Name        string `yaml:"name"`
	Type        string `yaml:"type"`
	Title       string `yaml:"title"`
	Description string `yaml:"description"`
	Default     any    `yaml:"default"`
	Required    bool   `yaml:"required"`
	Secret      bool   `yaml:"secret"`
	Multi       bool   `yaml:"multi"`
}

// What Fleet asks for is what the input has, with the same defaults.
func TestVariablesAreSettings(t *testing.T) {
	var manifest struct {
		Streams []struct {
			Input string     `yaml:"input"`
			Vars  []variable `yaml:"vars"`
		} `yaml:"streams"`
	}
	readYAML(t, "../../_meta/fleet/data_stream/threat/manifest.yml", &manifest)
	require.Len(t, manifest.Streams, 1)
	assert.Equal(t, config.InputType, manifest.Streams[0].Input)
	asked := map[string]bool{}
	for _, v := range manifest.Streams[0].Vars {
		t.Run(v.Name, func(t *testing.T) {
			name, ok := settings[v.Name]
			require.True(t, ok, "which setting is it?")
			assert.NotEmpty(t, v.Title)
			assert.NotEmpty(t, v.Description)
			if name == "" {
				return
			}
			asked[name] = true
			option, ok := config.InputSettings().Lookup(name)
			require.True(t, ok, "the input has no setting %s", name)
			assert.Equal(t, option.Secret() && !option.Free(), v.Secret)
			assert.Contains(t, types[option.Type], v.Type)
			assert.Equal(t, option.Type == config.TypeList, v.Multi)
			if strings.HasPrefix(fmt.Sprint(option.Default), "*") {
				assert.Nil(t, v.Default, "Fleet refuses a default that begins with an asterisk")
			} else {
				assert.Equal(t, fmt.Sprint(option.Default), fmt.Sprint(v.Default))
			}
			if option.Required {
				assert.True(t, v.Required, "it is required")
			}
		})
	}
	for _, option := range config.InputSettings().All() {
		// Fleet sets the type and the id.
		if option.Required && option.Name != "type" && option.Name != "id" {
			assert.True(t, asked[option.Name], "no variable asks for %s", option.Name)
		}
	}
}

// The input accepts what the template of the stream gives (module validate writes these files), and
// the standalone policy of the documentation.
func TestStreamsAreAccepted(t *testing.T) {
	streams := map[string]map[string]any{"policy in the documentation": documentedStream(t)}
	for _, name := range []string{"stream_defaults.yml", "stream_all.yml"} {
		var stream map[string]any
		readYAML(t, filepath.Join("testdata", name), &stream)
		streams[name] = stream
	}
	unpacked := map[string]config.Input{}
	for name, stream := range streams {
		t.Run(name, func(t *testing.T) {
			// What Agent and Libbeat add.
			stream["type"] = config.InputType
			stream["id"] = "threatq-1"
			cfg, err := conf.NewConfigFrom(stream)
			require.NoError(t, err)
			in, err := config.ReadInput(cfg, nil)
			require.NoError(t, err)
			unpacked[name] = *in
		})
	}

	defaults := config.DefaultInput()
	got := unpacked["stream_defaults.yml"]
	assert.Equal(t, defaults.Interval, got.Interval)
	assert.Equal(t, defaults.IOCExpirationDuration, got.IOCExpirationDuration)
	assert.Equal(t, defaults.ExpiredStatuses, got.ExpiredStatuses)
	assert.Equal(t, defaults.PageSize, got.PageSize)
	assert.Equal(t, defaults.FieldsParam, got.FieldsParam)

	all := unpacked["stream_all.yml"]
	assert.Equal(t, 5*time.Minute, all.Interval)
	assert.Equal(t, 30*24*time.Hour, time.Duration(all.IOCExpirationDuration))
	assert.Equal(t, []string{"Expired", "Whitelisted"}, all.ExpiredStatuses)
	assert.True(t, all.PreserveOriginalEvent)
	assert.Equal(t, 500, all.PageSize)
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(content, into))
}
