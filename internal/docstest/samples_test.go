// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package docstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The sample configurations pass the program's own check, with nothing but the
// variables that they name.
func TestSampleConfigurations(t *testing.T) {
	root, _ := load(t)
	for _, name := range []string{"threatqbeat.yml", "threatqbeat.reference.yml"} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(root, name))
			require.NoError(t, err)
			requireConfigOK(t, string(text))
		})
	}
}

var pemFile = regexp.MustCompile(`/etc/threatqbeat/[a-z-]+\.pem`)

// So do those of the documentation that are complete; Libbeat creates the output
// for the check, so its settings are checked by the output itself.
func TestCompleteExamples(t *testing.T) {
	_, pages := load(t)
	checked := 0
	for _, block := range blocksIn(pages, "yaml") {
		if block.mark() == "other" || !strings.Contains(block.text, "output.") || !strings.Contains(block.text, "threatqbeat.") {
			continue
		}
		t.Run(block.String(), func(t *testing.T) {
			requireConfigOK(t, pemFile.ReplaceAllString(block.text, authority(t)))
		})
		checked++
	}
	require.Greater(t, checked, 5)
}

func requireConfigOK(t *testing.T, text string) {
	t.Helper()
	setVariables(t, text)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "threatqbeat.yml"), []byte(text), 0o600))
	output, err := threatqbeat(t, "test", "config", "--path.home", dir).CombinedOutput()
	require.NoError(t, err, string(output))
	require.Contains(t, string(output), "Config OK")
}

// authority writes the certificate of an authority and returns the file's path.
func authority(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "example.com authority"},
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}
