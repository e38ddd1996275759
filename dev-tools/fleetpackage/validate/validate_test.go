// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package validate

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/elastic/package-spec/v3/code/go/pkg/validator"
)

const (
	root    = "../../.."
	version = "0.1.0"
)

// build builds the package into a new folder and returns its path and its archive's.
func build(t *testing.T, version string) (string, string) {
	t.Helper()
	out := t.TempDir()
	cmd := exec.Command("go", "run", "./dev-tools/fleetpackage/build", "-o", out, "-version", version)
	cmd.Dir = root
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, string(output))
	folder := filepath.Join(out, "threatq-"+version)
	return folder, folder + ".zip"
}

func TestPackage(t *testing.T) {
	folder, archive := build(t, version)

	strict, err := validator.New(validator.LegacyMode, validator.WithWarningsAsErrors(true))
	require.NoError(t, err)
	assert.NoError(t, strict.ValidateFromPath(folder))
	assert.NoError(t, strict.ValidateFromZip(archive))

	// These modes warn that they are previews, so that warnings can't count.
	source, err := validator.New(validator.SourceMode)
	require.NoError(t, err)
	assert.NoError(t, source.ValidateFromPath(folder), "as sources")
	built, err := validator.New(validator.BuildMode)
	require.NoError(t, err)
	assert.NoError(t, built.ValidateFromPath(folder), "as a built package")
	assert.NoError(t, built.ValidateFromZip(archive), "as an archive")
}

// newestFormat is the newest version of the package format that the validator knows.
const newestFormat = "3.6.6"

// The package declares an older format for the sake of its mappings. Without them it passes all
// checks of the newest one.
func TestNewestFormat(t *testing.T) {
	folder, _ := build(t, version)
	strict, err := validator.New(validator.LegacyMode, validator.WithWarningsAsErrors(true))
	require.NoError(t, err)
	assert.NoError(t, strict.ValidateFromPath(inNewestFormat(t, folder)))
}

// inNewestFormat returns a copy of the package that declares the newest format and has the mappings
// of its fields only.
func inNewestFormat(t *testing.T, folder string) string {
	t.Helper()
	changed := filepath.Join(t.TempDir(), filepath.Base(folder))
	require.NoError(t, os.CopyFS(changed, os.DirFS(folder)))
	edit(t, filepath.Join(changed, "manifest.yml"), func(m map[string]any) {
		m["format_version"] = newestFormat
	})
	edit(t, filepath.Join(changed, "data_stream/threat/manifest.yml"), func(m map[string]any) {
		delete(below(t, m, "elasticsearch", "index_template", "mappings"), "properties")
	})
	edit(t, filepath.Join(changed, "elasticsearch/transform/latest_ioc/manifest.yml"), func(m map[string]any) {
		delete(below(t, m, "destination_index_template", "mappings"), "properties")
	})
	return changed
}

// edit changes a YAML file.
func edit(t *testing.T, name string, change func(map[string]any)) {
	t.Helper()
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, yaml.Unmarshal(content, &m))
	change(m)
	content, err = yaml.Marshal(m)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(name, content, 0o600))
}

func below(t *testing.T, m map[string]any, path ...string) map[string]any {
	t.Helper()
	for _, key := range path {
		next, ok := m[key].(map[string]any)
		require.True(t, ok, key)
		m = next
	}
	return m
}

// The validator must find these defects, or the tests above prove nothing.
func TestValidatorFindsDefects(t *testing.T) {
	tests := map[string]struct{ file, from, to, problem string }{
		"secret in the clear": {
			file: "data_stream/threat/manifest.yml", from: "secret: true", to: "multi: false",
			problem: "identified as possible secret",
		},
		"unknown field type": {
			file: "data_stream/threat/fields/fields.yml", from: "type: flattened", to: "type: flat",
			problem: "type",
		},
		"dangling reference": {
			file: "kibana/dashboard/threatq-overview.json", from: `"id": "threatq-latest-indicators"`, to: `"id": "threatq-none"`,
			problem: "dangling reference found: threatq-none (search)",
		},
		"another policy": {
			file: "data_stream/threat/manifest.yml", from: "default_policy", to: "other_policy",
			problem: "ILM policy",
		},
		"version without an entry": {
			file: "manifest.yml", from: "version: " + version, to: "version: 9.9.9",
			problem: "doesn't have changelog entry",
		},
	}
	built, _ := build(t, version)
	folder := inNewestFormat(t, built)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			changed := filepath.Join(t.TempDir(), filepath.Base(folder))
			require.NoError(t, os.CopyFS(changed, os.DirFS(folder)))
			path := filepath.Join(changed, filepath.FromSlash(tt.file))
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Contains(t, string(content), tt.from)
			require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(content), tt.from, tt.to)), 0o600))
			assert.ErrorContains(t, validator.ValidateFromPath(changed), tt.problem)
		})
	}
}
