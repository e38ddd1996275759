// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

var update = flag.Bool("update", false, "write the golden files anew")

// dated is a tidy appliance whose dates don't depend on the day.
func dated(indicators int, seed uint64) simulator.Config {
	return simulator.Config{Indicators: indicators, Seed: seed, BaseTime: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
}

// volatile is what differs from run to run, and what stands for it in a golden
// file.
var volatile = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(` +\d+(\.\d+)? m?s\b`), " DURATION"},
	{regexp.MustCompile(`"duration_ms":[\d.e-]+`), `"duration_ms":0`},
	{regexp.MustCompile(`valid until \d{4}-\d\d-\d\d`), "valid until DATE"},
	{regexp.MustCompile(`(now|\d+ (second|minute)s? ago) +`), "AGE   "},
	{regexp.MustCompile(`RECEIVED +`), "RECEIVED   "}, // as wide as the ages below
	{regexp.MustCompile(`"updated":"[^"]+"`), `"updated":"TIME"`},
	{regexp.MustCompile(`localhost is [0-9a-f:., ]+`), "localhost is ADDRESSES"},
	{regexp.MustCompile(` +\n`), "\n"},
}

// requireGolden compares an output with a golden file; names says what to put
// for texts that only this test knows to be volatile.
func requireGolden(t *testing.T, file, output string, names map[string]string) {
	t.Helper()
	for text, name := range names {
		output = strings.ReplaceAll(output, text, name)
	}
	for _, v := range volatile {
		output = v.pattern.ReplaceAllString(output, v.with)
	}
	path := filepath.Join("testdata", file)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(output), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), output)
}
