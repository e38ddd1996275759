// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// However an appliance redirects, nobody else gets a request.
func TestCredentialsStayWithTheAppliance(t *testing.T) {
	t.Parallel()
	var strayed atomic.Int64
	elsewhere := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) })
	other := httptest.NewServer(elsewhere)
	defer other.Close()
	secure := httptest.NewTLSServer(elsewhere)
	defer secure.Close()

	dir := beattest.NewDir(t)
	var inputs []any
	first := int64(0)
	for _, target := range []string{other.URL, secure.URL, strings.Replace(other.URL, "127.0.0.1", "localhost", 1)} {
		for _, endpoint := range []simulator.Endpoint{simulator.EndpointToken, simulator.EndpointData} {
			for _, status := range []int{301, 302, 303, 307, 308} {
				first += 1000
				sim := startAppliance(t, simulator.Config{Indicators: 10, Seed: 1, FirstID: first})
				require.NoError(t, sim.Inject(fmt.Sprintf("%s/redirect:status=%d;target=%s", endpoint, status, target)))
				inputs = append(inputs, sim.input(fmt.Sprint(first), nil))
			}
		}
	}
	dir.Configure(map[string]any{"threatqbeat.inputs": inputs})
	beat := dir.Start("run")
	beat.Eventually("the collection in spite of the redirects", func() bool { return dir.Lines() >= 10*len(inputs) })
	beat.Stop()
	assert.Zero(t, strayed.Load(), "requests that went elsewhere")
	said := 0
	for _, message := range dir.LogMessages("error") {
		if strings.Contains(message, "where credentials are never sent") {
			said++
		}
	}
	assert.Equal(t, len(inputs), said)
}

// Certificates that aren't checked are possible, and never a secret.
func TestUncheckedCertificatesAreWarnedOf(t *testing.T) {
	t.Parallel()
	sim, _ := startTLSAppliance(t, tidy(10))
	dir := beattest.NewDir(t)
	dir.Configure(map[string]any{"threatqbeat.inputs": []any{sim.input("one", map[string]any{"request.ssl.verification_mode": "none"})}})
	beat := dir.Start("run")
	beat.Eventually("the collection", func() bool { return dir.Lines() >= 10 })
	beat.Stop()
	assert.Contains(t, strings.Join(dir.LogMessages("warn"), "\n"), "Certificates are not checked")
}

// Without request.tracer.enabled there is no trace.
func TestTracerIsOffUnlessAskedFor(t *testing.T) {
	t.Parallel()
	sim := startAppliance(t, tidy(10))
	dir := beattest.NewDir(t)
	dir.Configure(map[string]any{"threatqbeat.inputs": []any{
		sim.input("one", nil),
		sim.input("two", map[string]any{"request.tracer": map[string]any{"filename": "trace.ndjson"}}),
	}})
	beat := dir.Start("run")
	beat.Eventually("both collections", func() bool { return dir.Lines() >= 20 })
	beat.Stop()
	assert.NoFileExists(t, dir.File("logs", "trace.ndjson"))
	assert.NoDirExists(t, dir.File("logs", "threatq"))

	dir.Configure(map[string]any{"threatqbeat.inputs": []any{
		sim.input("one", map[string]any{"request.tracer": map[string]any{"enabled": true, "filename": "../outside.ndjson"}}),
	}})
	output, code := dir.Run("run")
	assert.Equal(t, 1, code, output)
	assert.Contains(t, output, "outside of the logs directory")
	assert.NoFileExists(t, dir.File("outside.ndjson"))
}
