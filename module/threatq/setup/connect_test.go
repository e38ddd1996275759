// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
)

// closedPort returns an address that nobody listens on.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

func answering(t *testing.T, status int, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestConnectRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		url  string
		want []string
	}{
		"nobody there": {"http://" + closedPort(t), []string{"connection refused", "output.elasticsearch.hosts"}},
		"credentials":  {answering(t, 401, `{}`), []string{"401", "api_key"}},
		"privilege":    {answering(t, 403, `{}`), []string{"monitor"}},
		"in trouble":   {answering(t, 503, `{"error":{"type":"x","reason":"no master"}}`), []string{"503", "no master"}},
		"no JSON":      {answering(t, 200, `<html>`), []string{"JSON"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Connect(t.Context(), outputOf(t, map[string]any{
				"hosts": []string{tc.url}, "username": "elastic", "password": "hunter2",
			}), "threatqbeat", logp.NewNopLogger())
			refusedFor(t, err, append(tc.want, tc.url)...)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}

// A command that only looks does not tell to run setup.
func TestConnectToLookRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		url  string
		want []string
	}{
		"nobody there": {"http://" + closedPort(t), []string{"connection refused", "output.elasticsearch.hosts", "then try again"}},
		"privilege":    {answering(t, 403, `{}`), []string{"monitor", "role-verify.json"}},
		"in trouble":   {answering(t, 503, `{}`), []string{"503", "Try again when it has recovered"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ConnectToLook(t.Context(), outputOf(t, map[string]any{"hosts": []string{tc.url}}), "threatqbeat", logp.NewNopLogger())
			refusedFor(t, err, append(tc.want, tc.url)...)
			assert.NotContains(t, strings.ToLower(err.Error()), "setup again")
		})
	}
}

// What a request ended with can be asked for.
func TestErrorsWrapTheirCause(t *testing.T) {
	_, err := Connect(t.Context(), outputOf(t, map[string]any{"hosts": []string{"http://" + closedPort(t)}}), "threatqbeat", logp.NewNopLogger())
	var refused *net.OpError
	require.ErrorAs(t, err, &refused)
	assert.NoError(t, errors.Unwrap(&Error{Doing: "looking"}))
}

func TestConnectTakesTheFirstHostThatAnswers(t *testing.T) {
	f := newFake(t)
	url, _ := f.start()
	conn, err := Connect(t.Context(), outputOf(t, map[string]any{
		"hosts": []string{"http://" + closedPort(t), url},
	}), "threatqbeat", logp.NewNopLogger())
	require.NoError(t, err)
	assert.Equal(t, url, conn.URL)
	v := conn.GetVersion()
	assert.Equal(t, "8.17.0", v.String())
}

func TestConnectNeedsElasticsearch(t *testing.T) {
	_, err := Connect(t.Context(), config.Namespace{}, "threatqbeat", logp.NewNopLogger())
	refusedFor(t, err, "output.elasticsearch is not configured")

	var kafka config.Namespace
	require.NoError(t, kafka.Unpack(config.MustNewConfigFrom(map[string]any{"kafka": map[string]any{}})))
	_, err = Connect(t.Context(), kafka, "threatqbeat", logp.NewNopLogger())
	refusedFor(t, err, "the output is kafka", "-E output.kafka.enabled=false")
}
