// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/logp/logptest"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// appliance is a running simulator.
type appliance struct {
	*simulator.Simulator
	url string
	ca  []byte // of its certificate, in PEM form; none without TLS
}

func start(t *testing.T, secure bool, indicators int) *appliance {
	t.Helper()
	sim, err := simulator.New(simulator.Config{Indicators: indicators, Seed: 1})
	require.NoError(t, err)
	if secure {
		server := httptest.NewUnstartedServer(sim)
		server.Config.ErrorLog = log.New(io.Discard, "", 0) // of certificates that clients refuse
		server.StartTLS()
		t.Cleanup(server.Close)
		t.Cleanup(sim.Close)
		return &appliance{sim, server.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})}
	}
	server, err := sim.Start("")
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	return &appliance{sim, server.URL, nil}
}

// target returns a right configuration for the appliance, changed by settings.
func target(t *testing.T, server *appliance, settings map[string]any) Target {
	t.Helper()
	raw := conf.MustNewConfigFrom(map[string]any{
		"url":                       server.url,
		"id":                        "one",
		"data_collection_id":        simulator.DefaultDataCollectionID,
		"auth.oauth2.client.id":     simulator.DefaultClientID,
		"auth.oauth2.client.secret": simulator.DefaultClientSecret,
		"request.timeout":           "5s",
	})
	if len(server.ca) > 0 {
		file := filepath.Join(t.TempDir(), "ca.pem")
		require.NoError(t, os.WriteFile(file, server.ca, 0o600))
		require.NoError(t, raw.Merge(map[string]any{"request.ssl.certificate_authorities": []string{file}}))
	}
	require.NoError(t, raw.Merge(settings))
	cfg := config.DefaultInput()
	require.NoError(t, raw.Unpack(&cfg))
	return Target{Input: cfg, Log: logptest.NewTestingLogger(t, "")}
}

func examine(t *testing.T, target Target) *Report {
	t.Helper()
	report, err := Examine(context.Background(), target)
	require.NoError(t, err)
	// Whatever was found, no secret is in it.
	text, err := json.Marshal(report)
	require.NoError(t, err)
	for _, out := range []string{string(text), report.Text()} {
		assert.NotContains(t, out, target.Input.Auth.OAuth2.Client.Secret.Reveal())
		assert.NotContains(t, out, "proxypass")
	}
	return report
}

// verdicts writes the report as "resolve:ok connect:failed ...".
func verdicts(r *Report) string {
	var texts []string
	for _, s := range r.Steps {
		texts = append(texts, s.Name+":"+string(s.Verdict))
	}
	return strings.Join(texts, " ")
}

func find(t *testing.T, r *Report, name string) Step {
	t.Helper()
	for _, s := range r.Steps {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no step %s", name)
	return Step{}
}

const (
	allOverTLS  = "resolve:ok connect:ok tls:ok token:ok page:ok map:ok"
	allOverHTTP = "resolve:ok connect:ok tls:skipped token:ok page:ok map:ok"
)

func TestEverythingIsFine(t *testing.T) {
	server := start(t, true, 25)
	report := examine(t, target(t, server, map[string]any{"page_size": 10}))
	require.Equal(t, allOverTLS, verdicts(report), report.Text())
	assert.True(t, report.Passed)
	assert.Equal(t, "127.0.0.1 is an IP address", find(t, report, stepResolve).Detail)
	assert.Equal(t, "to "+strings.TrimPrefix(server.url, "https://"), find(t, report, stepConnect).Detail)
	assert.Regexp(t, `^TLS 1\.3, certificate of O=Acme Co, valid until \d{4}-\d\d-\d\d$`, find(t, report, stepTLS).Detail)
	assert.Regexp(t, `^25 indicators in all, 10 on the first page \(`, find(t, report, stepPage).Detail)
	assert.Equal(t, "10 of 10 indicators", find(t, report, stepMap).Detail)
	assert.EqualValues(t, 25, *report.Total)
	assert.Equal(t, 10, report.Read)
	var event struct {
		Timestamp string `json:"@timestamp"`
		ThreatQ   struct {
			ID          int64 `json:"id"`
			IndicatorID int64 `json:"indicator_id"`
		} `json:"threatq"`
	}
	require.NoError(t, json.Unmarshal(report.Indicator, &event))
	assert.NotEmpty(t, event.Timestamp)
	assert.EqualValues(t, 1, max(event.ThreatQ.ID, event.ThreatQ.IndicatorID))
	for _, step := range report.Steps {
		assert.Positive(t, step.Duration, step.Name)
	}
	assert.Equal(t, 1, server.Stats().Tokens)
	assert.Equal(t, 1, server.Stats().Pages)
}

func TestHostNameIsResolved(t *testing.T) {
	server := start(t, false, 1)
	tgt := target(t, server, map[string]any{"url": strings.Replace(server.url, "127.0.0.1", "localhost", 1)})
	report := examine(t, tgt)
	require.Equal(t, allOverHTTP, verdicts(report), report.Text())
	assert.Regexp(t, `^localhost is .*127\.0\.0\.1`, find(t, report, stepResolve).Detail)
}

func TestFirstFailureEndsTheWay(t *testing.T) {
	refused := refusedAddress(t)
	tests := map[string]struct {
		secure     bool
		distrusted bool // the appliance's certificate
		settings   map[string]any
		fault      string
		verdicts   string
		step       string
		detail     string
		advice     string
	}{
		"unknown host": {
			settings: map[string]any{"url": "https://threatq.invalid"},
			verdicts: "resolve:failed connect:skipped tls:skipped token:skipped page:skipped map:skipped",
			step:     stepResolve, detail: `"threatq.invalid"`, advice: "DNS settings",
		},
		"nobody listens": {
			settings: map[string]any{"url": "http://" + refused},
			verdicts: "resolve:ok connect:failed tls:skipped token:skipped page:skipped map:skipped",
			step:     stepConnect, detail: refused + " refuses the connection", advice: "check that the appliance is running",
		},
		"a proxy that does not listen": {
			settings: map[string]any{"request.proxy_url": "http://user:proxypass@" + refused, "request.allow_insecure_http": true},
			verdicts: "resolve:ok connect:failed tls:skipped token:skipped page:skipped map:skipped",
			step:     stepConnect, detail: "refuses the connection",
		},
		"a certificate of an unknown authority": {
			secure: true, distrusted: true,
			verdicts: "resolve:ok connect:ok tls:failed token:skipped page:skipped map:skipped",
			step:     stepTLS, detail: "authority that is not trusted", advice: "request.ssl.certificate_authorities",
		},
		"no TLS where it is expected": {
			settings: map[string]any{"url": "https://HOST"},
			verdicts: "resolve:ok connect:ok tls:failed token:skipped page:skipped map:skipped",
			step:     stepTLS, detail: "does not speak TLS", advice: "http://",
		},
		"a wrong secret": {
			settings: map[string]any{"auth.oauth2.client.secret": "not-the-secret"},
			verdicts: "resolve:ok connect:ok tls:skipped token:failed page:skipped map:skipped",
			step:     stepToken, detail: "refuses the client's id or secret (401)", advice: "check auth.oauth2.client.id and auth.oauth2.client.secret",
		},
		"a token endpoint in trouble": {
			fault:    "token/503*forever",
			verdicts: "resolve:ok connect:ok tls:skipped token:failed page:skipped map:skipped",
			step:     stepToken, detail: "503", advice: "logs",
		},
		"an unknown data collection": {
			settings: map[string]any{"data_collection_id": "beef"},
			verdicts: "resolve:ok connect:ok tls:skipped token:ok page:failed map:skipped",
			step:     stepPage, detail: "no such data collection (404)", advice: "check data_collection_id and url",
		},
		"too many requests": {
			fault:    "429:retry-after=7",
			verdicts: "resolve:ok connect:ok tls:skipped token:ok page:failed map:skipped",
			step:     stepPage, detail: "it asks to wait 7s",
		},
		"a page that breaks off": {
			fault:    "truncated",
			verdicts: "resolve:ok connect:ok tls:skipped token:ok page:failed map:skipped",
			step:     stepPage, detail: "closed the connection",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := start(t, test.secure, 10)
			require.NoError(t, server.Inject(test.fault))
			for key, value := range test.settings {
				if text, ok := value.(string); ok {
					test.settings[key] = strings.Replace(text, "HOST", strings.TrimPrefix(server.url, "http://"), 1)
				}
			}
			if test.distrusted {
				server.ca = nil
			}
			tgt := target(t, server, test.settings)

			began := time.Now()
			report := examine(t, tgt)
			assert.Equal(t, test.verdicts, verdicts(report), report.Text())
			assert.False(t, report.Passed)
			step := find(t, report, test.step)
			assert.Contains(t, step.Detail, test.detail)
			assert.Contains(t, step.Advice, test.advice)
			assert.Less(t, time.Since(began), 10*time.Second, "nothing is repeated")
		})
	}
}

// refusedAddress returns a loopback address that nobody listens at.
func refusedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

func TestEmptyCollectionPasses(t *testing.T) {
	report := examine(t, target(t, start(t, false, 0), nil))
	assert.Equal(t, "resolve:ok connect:ok tls:skipped token:ok page:ok map:skipped", verdicts(report))
	assert.True(t, report.Passed)
	assert.Equal(t, "the data collection is empty", find(t, report, stepMap).Detail)
	assert.Nil(t, report.Indicator)
}

func TestUnreadableIndicators(t *testing.T) {
	const noID = "reading the indicator: it has neither an id nor an indicator_id that is an integer"
	server := start(t, false, 3)
	require.NoError(t, server.PutRaw(1, []byte(`{"value": "198.51.100.7"}`)))
	report := examine(t, target(t, server, nil))
	require.Equal(t, allOverHTTP, verdicts(report))
	assert.Equal(t, "2 of 3 indicators; the others are published as pipeline errors, the first because of: "+noID, find(t, report, stepMap).Detail)
	assert.NotNil(t, report.Indicator)

	require.NoError(t, server.PutRaw(2, []byte(`[]`)))
	require.NoError(t, server.PutRaw(3, []byte(`null`)))
	report = examine(t, target(t, server, nil))
	assert.False(t, report.Passed)
	step := find(t, report, stepMap)
	assert.Equal(t, Failed, step.Verdict)
	assert.Equal(t, "none of 3 indicators can be read, the first because of: "+noID, step.Detail)
	assert.Contains(t, step.Advice, "fields_param")
}

// TestThroughAProxy has the proxy alone know the way: the appliance's host name
// can't be resolved here.
func TestThroughAProxy(t *testing.T) {
	server := start(t, true, 5)
	appliance := strings.TrimPrefix(server.url, "https://")
	var tunnels atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != "threatq.invalid:443" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		tunnels.Add(1)
		onward, err := net.Dial("tcp", appliance)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer onward.Close()
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(onward, buffered) }()
		_, _ = io.Copy(conn, onward)
	}))
	t.Cleanup(proxy.Close)
	address, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	address.User = url.UserPassword("user", "proxypass")

	report := examine(t, target(t, server, map[string]any{
		"url": "https://threatq.invalid", "request.proxy_url": address.String(), "request.ssl.verification_mode": "certificate",
	}))
	require.Equal(t, allOverTLS, verdicts(report), report.Text())
	assert.Equal(t, "to the proxy "+proxy.URL, find(t, report, stepConnect).Detail)
	assert.Positive(t, tunnels.Load())

	// The proxy that lets nothing through.
	report = examine(t, target(t, server, map[string]any{"url": "https://elsewhere.invalid", "request.proxy_url": address.String()}))
	assert.Equal(t, "resolve:ok connect:ok tls:failed token:skipped page:skipped map:skipped", verdicts(report), report.Text())
	assert.Contains(t, find(t, report, stepTLS).Detail, "proxy")
}

func TestTokenEndpointElsewhereIsExaminedToo(t *testing.T) {
	server, tokens := start(t, false, 5), start(t, true, 0)
	report := examine(t, target(t, server, map[string]any{"auth.oauth2.token_url": "http://" + refusedAddress(t) + "/token"}))
	assert.Equal(t, "resolve:ok connect:failed tls:skipped token:skipped page:skipped map:skipped", verdicts(report))

	// http for the data, https for the tokens: there is a certificate to check.
	report = examine(t, target(t, server, map[string]any{"auth.oauth2.token_url": tokens.url + simulator.TokenPath}))
	assert.Equal(t, Failed, find(t, report, stepTLS).Verdict)
}

func TestUncheckedCertificateIsSaid(t *testing.T) {
	server := start(t, true, 5)
	report := examine(t, target(t, server, map[string]any{"request.ssl.verification_mode": "none"}))
	require.Equal(t, allOverTLS, verdicts(report), report.Text())
	assert.Contains(t, find(t, report, stepTLS).Detail, "not verified because of request.ssl.verification_mode: none")
}

func TestCertificateThatEndsSoonIsSaid(t *testing.T) {
	server := start(t, true, 5)
	tgt := target(t, server, nil)
	block, _ := pem.Decode(server.ca)
	certificate, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	tgt.Now = func() time.Time { return certificate.NotAfter.Add(-12 * 24 * time.Hour) }
	assert.Regexp(t, `, which is in 1[12] days$`, find(t, examine(t, tgt), stepTLS).Detail)
}

func TestTracerStaysOff(t *testing.T) {
	server := start(t, false, 5)
	tgt := target(t, server, nil)
	tgt.Input.Request.Tracer.Enabled = true
	tgt.Input.Request.Tracer.Filename = filepath.Join(t.TempDir(), "trace.ndjson")
	examine(t, tgt)
	assert.NoFileExists(t, tgt.Input.Request.Tracer.Filename)
}

func TestConfigurationThatNoClientCanBeMadeOf(t *testing.T) {
	incomplete := config.DefaultInput()
	incomplete.ID = "one"
	_, err := Examine(context.Background(), Target{Input: incomplete, Log: logp.NewNopLogger()})
	assert.ErrorContains(t, err, `input "one": url is missing`)
}

func TestInterruptedExaminationEnds(t *testing.T) {
	server := start(t, false, 5)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	report, err := Examine(ctx, target(t, server, nil))
	require.NoError(t, err)
	assert.Equal(t, "resolve:ok connect:failed tls:skipped token:skipped page:skipped map:skipped", verdicts(report))
}
