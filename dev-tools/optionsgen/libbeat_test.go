// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/api"
	"github.com/elastic/beats/v7/libbeat/outputs/elasticsearch"
	"github.com/elastic/beats/v7/libbeat/outputs/logstash"
	"github.com/elastic/beats/v7/libbeat/publisher/queue/diskqueue"
	"github.com/elastic/beats/v7/libbeat/publisher/queue/memqueue"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/kibana"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/config"
)

func inputNames() []string { return config.InputSettings().Names() }

// The defaults that the reference shows for Libbeat's sections are those of the
// Libbeat that is built in. kafka, redis and file keep theirs to themselves.
func TestLibbeatDefaults(t *testing.T) {
	tests := []struct {
		file, section string
		prefix        string // of the names in the section, in front of the struct's own
		fresh         func() any
		other         []string // read by another part of Libbeat
		meant         []string // whose default is filled in later
	}{
		{
			file: "elasticsearch", section: "Elasticsearch output",
			fresh: func() any { c := elasticsearch.DefaultConfig(); return &c },
			other: []string{"enabled", "hosts", "worker", "preset", "pipeline", "kerberos.enabled", "non_indexable_policy.drop", "allow_older_versions"},
			meant: []string{"protocol"},
		},
		{
			file: "logstash", section: "Logstash output",
			fresh: func() any { c := logstash.DefaultConfig(); return &c },
			other: []string{"enabled", "hosts", "worker"},
			meant: []string{"index"},
		},
		{
			file: "kibana", section: "Kibana",
			fresh: func() any { c := kibana.DefaultClientConfig(); return &c },
		},
		{
			file: "logging", section: "Logging", prefix: "logging.",
			fresh: func() any { c := logp.DefaultConfig(logp.DefaultEnvironment); return &c },
			other: []string{"metrics.namespaces"},
			meant: []string{"files.path", "files.name"},
		},
		{
			file: "monitoring", section: "HTTP endpoint", prefix: "http.",
			fresh: func() any { c := api.DefaultConfig; return &c },
			other: []string{"pprof.enabled", "pprof.block_profile_rate", "pprof.mem_profile_rate", "pprof.mutex_profile_rate"},
		},
	}
	for _, test := range tests {
		for _, option := range sectionOf(t, test.file, test.section).Options {
			name := strings.TrimPrefix(option.Name, test.prefix)
			if slices.Contains(test.other, name) {
				continue
			}
			t.Run(test.file+"/"+name, func(t *testing.T) {
				require.Contains(t, libbeatSettingsOf(reflect.TypeOf(test.fresh())), name)
				if option.Default == nil || slices.Contains(test.meant, name) {
					return
				}
				unset, set := test.fresh(), test.fresh()
				require.NoError(t, conf.NewConfig().Unpack(unset))
				require.NoError(t, conf.MustNewConfigFrom(map[string]any{name: valueOf(t, option)}).Unpack(set))
				require.Equal(t, unset, set)
			})
		}
	}
}

// libbeatSettingsOf is settingsOf with what it can't see: the settings of types
// that read themselves, and of structs without tags.
func libbeatSettingsOf(typ reflect.Type) []string {
	transport := []string{"timeout", "idle_connection_timeout", "proxy_url", "proxy_headers", "proxy_disable"}
	return append(append(settingsOf(typ, ""), transport...), "backoff.init", "backoff.max")
}

func TestQueueDefaults(t *testing.T) {
	section := sectionOf(t, "queue", "Queue")
	memory, err := memqueue.SettingsForUserConfig(nil)
	require.NoError(t, err)
	disk, err := diskqueue.SettingsForUserConfig(conf.MustNewConfigFrom(map[string]any{"max_size": "10GB"}))
	require.NoError(t, err)
	for _, option := range section.Options {
		if option.Default == nil {
			continue
		}
		value := map[string]any{"max_size": "10GB"}
		if name, ok := strings.CutPrefix(option.Name, "queue.mem."); ok {
			value[name] = option.Default
			set, err := memqueue.SettingsForUserConfig(conf.MustNewConfigFrom(value))
			require.NoError(t, err)
			require.Equal(t, memory, set, option.Name)
			continue
		}
		value[strings.TrimPrefix(option.Name, "queue.disk.")] = option.Default
		set, err := diskqueue.SettingsForUserConfig(conf.MustNewConfigFrom(value))
		require.NoError(t, err)
		require.Equal(t, disk, set, option.Name)
	}
}

func sectionOf(t *testing.T, file, title string) config.LibbeatSection {
	t.Helper()
	for _, section := range config.LibbeatSections()[file] {
		if section.Title == title {
			return section
		}
	}
	require.FailNow(t, "no such section", "%s in %s", title, file)
	return config.LibbeatSection{}
}

// valueOf returns an option's default as YAML reads it from the file.
func valueOf(t *testing.T, option config.Option) any {
	t.Helper()
	if option.Type != config.TypeFileMode {
		return option.Default
	}
	mode, err := strconv.ParseUint(fmt.Sprint(option.Default), 8, 32)
	require.NoError(t, err)
	return mode
}

// Each setting of Libbeat's is known, so that none is refused: what its reference
// configuration shows, and what its outputs read.
func TestLibbeatSettingsAreKnown(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/elastic/beats/v7").Output()
	require.NoError(t, err)
	beats := strings.TrimSpace(string(out))

	for _, section := range []string{"elasticsearch", "logstash", "kafka", "redis", "fileout", "console", "discard"} {
		output := map[string]string{"fileout": "file"}[section]
		if output == "" {
			output = section
		}
		source, err := os.ReadFile(filepath.Join(beats, "libbeat", "outputs", section, "config.go"))
		require.NoError(t, err)
		for _, read := range regexp.MustCompile("(?ms)^type (?:elasticsearchConfig|kafkaConfig|redisConfig|fileOutConfig|Config|config|discardOutConfig) struct {(.*?)^}").FindAllStringSubmatch(string(source), -1) {
			for _, tag := range regexp.MustCompile("config:\"([a-z_0-9.]+)\"").FindAllStringSubmatch(read[1], -1) {
				name := "output." + output + "." + tag[1]
				requireKnown(t, name)
			}
		}
	}

	var shown []string
	reference, err := os.ReadFile(filepath.Join(beats, "filebeat", "filebeat.reference.yml"))
	require.NoError(t, err)
	for _, line := range regexp.MustCompile(`(?m)^#?((?:output|logging|queue|http|monitoring|path|setup\.kibana|setup\.ilm|instrumentation|features|seccomp|keystore|cloud)\.[a-z_.0-9]+):`).FindAllStringSubmatch(string(reference), -1) {
		shown = append(shown, line[1])
	}
	require.Greater(t, len(shown), 40)
	for _, name := range shown {
		if strings.HasPrefix(name, "setup.ilm.policy") || strings.HasPrefix(name, "seccomp.") {
			continue // refused with what to do instead; accepted as a whole
		}
		requireKnown(t, name)
	}
}

// requireKnown looks whether a setting is known, whatever its value.
func requireKnown(t *testing.T, name string) {
	t.Helper()
	if err := config.CheckSettings(conf.MustNewConfigFrom(map[string]any{name: map[string]any{}})); err != nil {
		require.NotContains(t, err.Error(), "unknown setting")
	}
}
