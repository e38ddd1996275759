// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/elastic/elastic-agent-libs/version"
)

const releasedFile = "released.yml"

// released is released.yml.
type released struct {
	Released string                       `yaml:"released"`
	Versions map[string]map[string]string `yaml:"versions"`
}

func readReleased(t *testing.T) released {
	t.Helper()
	text, err := os.ReadFile(releasedFile)
	require.NoError(t, err)
	var table released
	require.NoError(t, yaml.Unmarshal(text, &table))
	return table
}

// currentHashes returns the hash of each asset, without the version in its _meta.
func currentHashes(t *testing.T) map[string]string {
	t.Helper()
	hashes := map[string]string{}
	for name, body := range bodies(t) {
		hash := Hash(body)
		if name == "policy" {
			hash = Hash(get(body, "policy").(Body))
		}
		if hash == "" { // it has no _meta
			hash = ContentHash(body)
		}
		hashes[name] = hash
	}
	sum := sha256.Sum256(KibanaNDJSON())
	hashes["kibana"] = hex.EncodeToString(sum[:8])
	return hashes
}

// Setup replaces an installed asset only when the version of the assets is newer,
// so a body that changes under a released version would never be installed.
func TestAssetsChangeWithTheirVersion(t *testing.T) {
	current := Version()
	table, hashes := readReleased(t), currentHashes(t)
	require.Contains(t, table.Versions, table.Released, "the released version has no hashes")
	isReleased := !version.MustNew(table.Released).LessThan(version.MustNew(current))
	if *update && !isReleased {
		table.Versions[current] = hashes
		writeReleased(t, table)
	}
	want := table.Versions[current]
	for _, name := range slices.Sorted(maps.Keys(hashes)) {
		switch {
		case hashes[name] == want[name]:
		case isReleased:
			t.Errorf("%s changed, but version %s of the assets is released: raise version in manifest.yml, then run go test ./module/threatq/assets -update", name, current)
		default:
			t.Errorf("%s changed: run go test ./module/threatq/assets -update, which writes its hash under version %s to %s", name, current, releasedFile)
		}
	}
	assert.Len(t, want, len(hashes), "an asset of version %s is gone: run go test ./module/threatq/assets -update", current)
}

// writeReleased keeps the comment at the head of the file.
func writeReleased(t *testing.T, table released) {
	t.Helper()
	text, err := os.ReadFile(releasedFile)
	require.NoError(t, err)
	var b bytes.Buffer
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte("#")) {
			break
		}
		b.Write(line)
	}
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	require.NoError(t, encoder.Encode(table))
	require.NoError(t, os.WriteFile(releasedFile, b.Bytes(), 0o644))
}
