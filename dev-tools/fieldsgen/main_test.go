// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/mapping"
)

const root = "../.."

func TestGeneratedFilesAreCurrent(t *testing.T) {
	files, err := generate(root)
	require.NoError(t, err)
	require.Len(t, files, 4)
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got), "%s is stale: run `mage update`", name)
	}
}

func TestLibbeatReadsTopLevelFields(t *testing.T) {
	fields, err := mapping.LoadFieldsYaml(filepath.Join(root, topFieldsFile))
	require.NoError(t, err)
	data, err := os.ReadFile(filepath.Join(root, fieldsFile))
	require.NoError(t, err)
	leaves, err := parse(data)
	require.NoError(t, err)
	require.NotEmpty(t, leaves)
	assert.Len(t, fields.GetKeys(), len(leaves))
	for _, l := range leaves {
		assert.Contains(t, fields.GetKeys(), l.Path)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ fields, want string }{
		"unknown key":          {`{name: a, type: keyword, description: d, ignore_abov: 3}`, "ignore_abov"},
		"unknown type":         {`{name: a, type: keywrod, description: d}`, `field a: type "keywrod"`},
		"no description":       {`{name: a, type: keyword}`, "field a: has no description"},
		"value of a keyword":   {`{name: a, type: keyword, value: v, description: d}`, "only a constant_keyword"},
		"depth of a keyword":   {`{name: a, type: keyword, depth_limit: 2, description: d}`, "only a flattened"},
		"unlimited keyword":    {`{name: a, type: keyword, ignore_above: -1, description: d}`, "needs an ignore_above"},
		"limit too high":       {`{name: a, type: keyword, ignore_above: 8192, description: d}`, "at most 8191"},
		"unlimited flattened":  {`{name: a, type: flattened, description: d}`, "needs an ignore_above"},
		"described twice":      {`{name: a, type: date, description: d}, {name: a, type: long, description: d}`, "field a is described twice"},
		"duplicate by nesting": {`{name: a.b, type: date, description: d}, {name: a, type: group, fields: [{name: b, type: date, description: d}]}`, "field a.b is described twice"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse([]byte("- {key: k, title: t, description: d, fields: [" + tc.fields + "]}"))
			assert.ErrorContains(t, err, tc.want)
		})
	}
}

func TestMappingRefusesValueAndObjectAtOnce(t *testing.T) {
	for name, fields := range map[string]string{
		"value first":  `{name: a, type: date, description: d}, {name: a.b, type: long, description: d}`,
		"object first": `{name: a.b, type: date, description: d}, {name: a, type: long, description: d}`,
	} {
		t.Run(name, func(t *testing.T) {
			leaves, err := parse([]byte("- {key: k, title: t, description: d, fields: [" + fields + "]}"))
			require.NoError(t, err)
			_, err = makeMapping(nil, leaves, source)
			assert.ErrorContains(t, err, "an object and a value at once")
		})
	}
}

func TestDestinationDiffers(t *testing.T) {
	leaves, err := parse([]byte(`
- key: k
  title: t
  description: d
  fields:
    - {name: ns, type: constant_keyword, value: v, description: d}
    - {name: only.source, type: constant_keyword, value: "true", source_only: true, description: d}
    - {name: url, type: wildcard, ignore_above: 5, description: d, multi_fields: [{name: text, type: match_only_text}]}
`))
	require.NoError(t, err)
	base := []byte("date_detection: false\n")

	src, err := makeMapping(base, leaves, source)
	require.NoError(t, err)
	url := `{"type":"wildcard","ignore_above":5,"fields":{"text":{"type":"match_only_text"}}}`
	assert.JSONEq(t, `{"date_detection":false,"properties":{
		"ns":{"type":"constant_keyword","value":"v"},
		"only":{"properties":{"source":{"type":"constant_keyword","value":"true"}}},
		"url":`+url+`}}`, string(src))

	dst, err := makeMapping(base, leaves, dest)
	require.NoError(t, err)
	assert.JSONEq(t, `{"date_detection":false,"properties":{
		"ns":{"type":"keyword","ignore_above":1024},
		"url":`+url+`}}`, string(dst))
	assert.True(t, json.Valid(dst))
}
