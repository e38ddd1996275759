// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package fleetpackage

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

const root = "../.."

func built(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := contents(os.DirFS(root), "0.1.0")
	require.NoError(t, err)
	return files
}

func decodeYAML(t *testing.T, files map[string][]byte, name string) map[string]any {
	t.Helper()
	require.Contains(t, files, name)
	var m map[string]any
	require.NoError(t, yaml.Unmarshal(files[name], &m))
	return m
}

// assertSame compares as JSON, in which a number is a number, whatever it was read from.
func assertSame(t *testing.T, want, got any) {
	t.Helper()
	wantJSON, err := json.Marshal(want)
	require.NoError(t, err)
	gotJSON, err := json.Marshal(got)
	require.NoError(t, err)
	assert.JSONEq(t, string(wantJSON), string(gotJSON))
}

func TestBuildWritesFolderAndArchive(t *testing.T) {
	dst := t.TempDir()
	// What a former build has left behind goes.
	stale := filepath.Join(dst, "threatq-0.1.0", "old.txt")
	require.NoError(t, os.MkdirAll(filepath.Dir(stale), 0o755))
	require.NoError(t, os.WriteFile(stale, nil, 0o600))

	require.NoError(t, Build(root, dst, "0.1.0"))
	first, err := os.ReadFile(filepath.Join(dst, "threatq-0.1.0.zip"))
	require.NoError(t, err)
	require.NoError(t, Build(root, dst, "0.1.0"))
	second, err := os.ReadFile(filepath.Join(dst, "threatq-0.1.0.zip"))
	require.NoError(t, err)
	assert.True(t, string(first) == string(second), "two builds differ")
	assert.NoFileExists(t, stale)

	archive, err := zip.OpenReader(filepath.Join(dst, "threatq-0.1.0.zip"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, archive.Close()) })
	inArchive := map[string]string{}
	for _, f := range archive.File {
		r, err := f.Open()
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		inArchive[f.Name] = string(content)
	}
	inFolder := map[string]string{}
	require.NoError(t, fs.WalkDir(os.DirFS(dst), "threatq-0.1.0", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dst, name))
		inFolder[name] = string(content)
		return err
	}))
	assert.Equal(t, inFolder, inArchive)
}

// The package has what setup installs.
func TestSharedAssets(t *testing.T) {
	files := built(t)
	server := assets.Server{}

	t.Run("mapping of the data stream", func(t *testing.T) {
		want := mapping(assets.Template(server))
		manifest := decodeYAML(t, files, "data_stream/threat/manifest.yml")
		got := manifest["elasticsearch"].(map[string]any)["index_template"].(map[string]any)["mappings"]
		assertSame(t, want, got)
		assert.Equal(t, "ti_threatq.threat", manifest["dataset"])
	})
	t.Run("mapping of the destination", func(t *testing.T) {
		want := mapping(assets.DestTemplate(server))
		ignoreMalformed(want)
		manifest := decodeYAML(t, files, "elasticsearch/transform/latest_ioc/manifest.yml")
		got := manifest["destination_index_template"].(map[string]any)["mappings"].(map[string]any)
		assertSame(t, want, got)
		properties := got["properties"].(map[string]any)
		assert.Equal(t, map[string]any{"type": "date", "ignore_malformed": true}, properties["@timestamp"])
		assert.NotContains(t, properties, "labels", "the destination lacks labels.is_ioc_transform_source")
	})
	t.Run("pipeline", func(t *testing.T) {
		want := assets.Pipeline()
		delete(want, "_meta")
		assertSame(t, want, decodeYAML(t, files, "data_stream/threat/elasticsearch/ingest_pipeline/default.yml"))
	})
	t.Run("policy", func(t *testing.T) {
		want := assets.Policy()
		delete(want["policy"].(map[string]any), "_meta")
		assertSame(t, want, json.RawMessage(files["data_stream/threat/elasticsearch/ilm/default_policy.json"]))
		assert.Equal(t, map[string]any{"data_retention": "5d"}, decodeYAML(t, files, "data_stream/threat/lifecycle.yml"))
	})
	t.Run("transform", func(t *testing.T) {
		got := decodeYAML(t, files, "elasticsearch/transform/latest_ioc/transform.yml")
		want := assets.Transform(server, assets.TransformOptions{})
		for _, key := range []string{"source", "latest", "retention_policy", "description"} {
			assertSame(t, want[key], got[key])
		}
		assert.Equal(t, map[string]any{
			"index":   "logs-ti_threatq_latest.dest_threat-1",
			"aliases": []any{map[string]any{"alias": "logs-ti_threatq_latest.threat", "move_on_creation": true}},
		}, got["dest"])
		assert.Equal(t, "30s", got["frequency"])
		assert.Equal(t, map[string]any{"time": map[string]any{"field": "event.ingested", "delay": "120s"}}, got["sync"])
		assert.Equal(t, map[string]any{"num_failure_retries": -1}, got["settings"])
		version := assets.Version()
		assert.Equal(t, map[string]any{"managed": true, "fleet_transform_version": version}, got["_meta"])
	})
	t.Run("Kibana", func(t *testing.T) {
		objects := assets.KibanaObjects()
		n := 0
		for name := range files {
			if strings.HasPrefix(name, "kibana/") {
				n++
			}
		}
		assert.Equal(t, len(objects), n)
		tag := []byte(`,{"id":"security-solution-default","name":"tag-ref-security-solution-default","type":"tag"}`)
		for _, o := range objects {
			if o.Type == "tag" {
				assert.YAMLEq(t, "[{text: Security Solution, asset_types: [dashboard]}]", string(files["kibana/tags.yml"]))
				continue
			}
			if o.Type == "dashboard" {
				// Fleet adds the one of the space that it installs into.
				require.Contains(t, string(o.JSON), string(tag[1:]))
				o.JSON = bytes.Replace(bytes.Replace(o.JSON, tag, nil, 1), append(tag[1:], ','), nil, 1)
			}
			name := "kibana/" + strings.ReplaceAll(o.Type, "-", "_") + "/" + o.ID + ".json"
			require.Contains(t, files, name)
			assert.JSONEq(t, string(o.JSON), string(files[name]), name)
		}
	})
}

func TestFieldsAreThoseOfTheMapping(t *testing.T) {
	files := built(t)
	tests := map[string]struct {
		fields  string
		mapping func(assets.Server) assets.Body
	}{
		"data stream": {"data_stream/threat/fields/fields.yml", assets.Template},
		"destination": {"elasticsearch/transform/latest_ioc/fields/fields.yml", assets.DestTemplate},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var fields []any
			require.NoError(t, yaml.Unmarshal(files[tt.fields], &fields))
			got := map[string]string{}
			flattenFields(t, got, "", fields)
			m := mapping(tt.mapping(assets.Server{}))
			want := map[string]string{}
			flattenMapping(want, "", m)
			assert.Equal(t, want, got)
		})
	}
}

func flattenFields(t *testing.T, into map[string]string, prefix string, fields []any) {
	t.Helper()
	for _, entry := range fields {
		f := entry.(field)
		name := prefix + f["name"].(string)
		if below, ok := f["fields"]; ok {
			flattenFields(t, into, name+".", below.([]any))
			continue
		}
		into[name] = f["type"].(string)
	}
}

func flattenMapping(into map[string]string, prefix string, mapping map[string]any) {
	properties, _ := mapping["properties"].(map[string]any)
	for name, p := range properties {
		property := p.(map[string]any)
		if kind, ok := property["type"].(string); ok {
			into[prefix+name] = kind
		}
		flattenMapping(into, prefix+name+".", property)
	}
}

func TestTexts(t *testing.T) {
	files := built(t)
	manifest := decodeYAML(t, files, "manifest.yml")
	assert.Equal(t, "0.1.0", manifest["version"])
	assert.Equal(t, Name, manifest["name"])

	readme := string(files["docs/README.md"])
	assert.Contains(t, readme, "| threatq.ioc_expired_at |")
	assert.Contains(t, readme, strings.TrimSpace(string(files["data_stream/threat/sample_event.json"])))
	assert.Contains(t, readme, "threatq-0.1.0.zip")
	assert.NotContains(t, readme, "{{")
	for name := range files {
		assert.NotContains(t, name, "_dev")
	}
}

func TestChangelog(t *testing.T) {
	const text = "# Versions\n- version: \"1.2.0\"\n  changes: []\n- version: \"1.1.0\"\n  changes: []\n"
	tests := map[string]struct{ version, want, err string }{
		"release":     {version: "1.2.0", want: text},
		"pre-release": {version: "1.2.0-SNAPSHOT", want: strings.Replace(text, "1.2.0", "1.2.0-SNAPSHOT", 1)},
		"no entry": {
			version: "1.3.0",
			err:     "_meta/fleet/changelog.yml begins with version 1.2.0: write an entry for 1.3.0 above it",
		},
		"former release": {
			version: "1.1.0",
			err:     "_meta/fleet/changelog.yml begins with version 1.2.0: write an entry for 1.1.0 above it",
		},
		"no version": {version: "next", err: `the version "next" is none: it must be such as 1.2.3 or 1.2.3-SNAPSHOT`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := changelog([]byte(text), tt.version)
			if tt.err != "" {
				assert.EqualError(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, string(got))
		})
	}
	_, err := changelog(nil, "1.0.0")
	assert.EqualError(t, err, "_meta/fleet/changelog.yml has no entry")
}

// A second copy of what setup installs is refused, or the two would drift apart.
func TestContentsRefuseASecondCopy(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{own, "module/threatq/threat/_meta", "docs"} {
		require.NoError(t, os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(root, name))))
	}
	copied := filepath.Join(dir, own, dataStream, "fields", "fields.yml")
	require.NoError(t, os.MkdirAll(filepath.Dir(copied), 0o755))
	require.NoError(t, os.WriteFile(copied, nil, 0o600))
	_, err := contents(os.DirFS(dir), "0.1.0")
	assert.EqualError(t, err, "data_stream/threat/fields/fields.yml is in _meta/fleet, but it is made from what setup installs")
}

func TestReadFieldsRefuses(t *testing.T) {
	const name = "module/threatq/threat/_meta/fields.yml"
	for content, want := range map[string]string{
		"":    name + " has no fields",
		"a: ": "reading the fields of " + name,
	} {
		_, err := readFields(fstest.MapFS{name: {Data: []byte(content)}})
		assert.ErrorContains(t, err, want)
	}
	_, err := readFields(fstest.MapFS{})
	assert.ErrorIs(t, err, fs.ErrNotExist)
}
