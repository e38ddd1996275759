// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"go.yaml.in/yaml/v3"

	"github.com/threatqbeat/threatqbeat/dev-tools/packaging"
)

const (
	nameBeat     = "threatqbeat"
	nameFloor    = "Libbeat's floor"
	nameLower    = "floor, not normalised"
	nameFilebeat = "Filebeat httpjson"
)

// program is a process to measure.
type program struct {
	name   string
	binary string
	args   []string
	config func(s *scene) map[string]any
	// ends says that the program ends by itself and prints the nanoseconds that
	// its work took. The others run until they are stopped.
	ends bool
}

// build builds what is compared, both programs as the packages are built: that
// is what users run. Filebeat is only run.
func build(ctx context.Context, out string) ([]program, error) {
	source, err := packaging.OpenSource(ctx, ".")
	if err != nil {
		return nil, err
	}
	target := packaging.Target{OS: runtime.GOOS, Arch: runtime.GOARCH}
	binaries, err := source.Build(ctx, target)
	if err != nil {
		return nil, err
	}
	floor := filepath.Join(out, "floor")
	if err := source.BuildWith(ctx, target, "./dev-tools/bench/floor", floor); err != nil {
		return nil, err
	}
	programs := []program{
		{name: nameBeat, binary: binaries[0], args: []string{"run"}, config: beatConfig},
		{name: nameFloor, binary: floor, args: []string{"run"}, config: floorConfig(true), ends: true},
		{name: nameLower, binary: floor, args: []string{"run"}, config: floorConfig(false), ends: true},
	}
	if binary := os.Getenv("FILEBEAT_BIN"); binary != "" {
		programs = append(programs, program{name: nameFilebeat, binary: binary, args: []string{"run"}, config: filebeatConfig})
	}
	return programs, nil
}

// quiet is what every contestant is configured with: its defaults, the discard
// output, and no log.
func quiet() map[string]any {
	return map[string]any{
		"output.discard": map[string]any{"enabled": true},
		"logging":        map[string]any{"level": "error", "to_stderr": true, "to_files": false, "metrics.enabled": false},
	}
}

func beatConfig(s *scene) map[string]any {
	cfg := quiet()
	sim := s.appliance.Config()
	cfg["threatqbeat.inputs"] = []any{map[string]any{
		"type": "threatq", "id": "bench", "url": s.url, "data_collection_id": sim.DataCollectionID, "page_size": s.pageSize,
		"auth.oauth2.client.id": sim.ClientID, "auth.oauth2.client.secret": sim.ClientSecret,
	}}
	return cfg
}

func floorConfig(normalize bool) func(*scene) map[string]any {
	return func(s *scene) map[string]any {
		cfg := quiet()
		cfg["floor"] = map[string]any{"events": s.indicators, "normalize": normalize}
		return cfg
	}
}

// filebeatConfig is a plain httpjson input that follows the cursor and publishes
// each indicator as it is.
func filebeatConfig(s *scene) map[string]any {
	cfg := quiet()
	sim := s.appliance.Config()
	cfg["filebeat.inputs"] = []any{map[string]any{
		"type": "httpjson", "id": "bench", "interval": "1m", "config_version": "2",
		"auth.oauth2": map[string]any{"client.id": sim.ClientID, "client.secret": sim.ClientSecret, "token_url": s.url + "/api/token"},
		"request.url": s.url + "/api/indicators/query/hash/" + sim.DataCollectionID,
		"request.transforms": []any{
			map[string]any{"set": map[string]any{"target": "url.params.sort", "value": "updated_at"}},
			map[string]any{"set": map[string]any{"target": "url.params.limit", "value": fmt.Sprint(s.pageSize)}},
			map[string]any{"set": map[string]any{"target": "url.params.fields", "value": "*,attributes,sources"}},
			map[string]any{"set": map[string]any{"target": "url.params.cursorMark", "value": "[[.cursor.mark]]", "default": "*"}},
		},
		"response.split": map[string]any{"target": "body.data", "ignore_empty_value": true},
		"response.pagination": []any{
			map[string]any{"set": map[string]any{"target": "url.params.cursorMark", "fail_on_template_error": true,
				"value": "[[if ne (len .last_response.body.data) 0]][[.last_response.body.nextCursorMark]][[end]]"}},
		},
		"cursor.mark": map[string]any{"value": "[[.last_response.body.nextCursorMark]]"},
		"tags":        []string{"forwarded"},
	}}
	return cfg
}

func writeConfig(file string, cfg map[string]any) error {
	text, err := yaml.Marshal(cfg)
	if err != nil {
		return fmt.Errorf("encoding the configuration %s: %w", file, err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	return nil
}
