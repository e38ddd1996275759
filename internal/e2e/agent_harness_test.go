// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"

	"github.com/elastic/elastic-agent-client/v7/pkg/client/mock"
	agentproto "github.com/elastic/elastic-agent-client/v7/pkg/proto"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

const (
	agentID      = "8a1f4b0e-5f5c-4f6e-9d0a-2f1c5d3b7a90"
	agentVersion = "9.4.0"

	outputUnit = "threatq-default"
	inputUnit  = "threatq-default-first"
)

// elasticAgent is the official test server of the control protocol, which sends
// each change of what it expects at once, as Elastic Agent does.
type elasticAgent struct {
	t      *testing.T
	server *mock.StubServerV2
	stdin  []byte // what a component reads at its start

	mu       sync.Mutex
	stream   *pushedStream // nil without a connection
	expected []*agentproto.UnitExpected
	observed map[string]*agentproto.UnitObserved
	history  []*agentproto.UnitObserved
	versions []*agentproto.CheckinObservedVersionInfo
}

func startElasticAgent(t *testing.T) *elasticAgent {
	t.Helper()
	a := &elasticAgent{t: t, observed: map[string]*agentproto.UnitObserved{}}
	const token = "component-token"
	a.server = &mock.StubServerV2{
		CheckinV2Impl: func(observed *agentproto.CheckinObserved) *agentproto.CheckinExpected {
			if observed.Token != token {
				return nil
			}
			a.observe(observed)
			return a.expectation()
		},
		ActionImpl:  func(*agentproto.ActionResponse) error { return nil },
		ActionsChan: make(chan *mock.PerformAction, 100),
		SentActions: map[string]*mock.PerformAction{},
	}
	pki := newPKI(t)
	require.NoError(t, a.server.Start(grpc.Creds(credentials.NewTLS(pki.server)), grpc.StreamInterceptor(a.intercept)))
	t.Cleanup(a.server.Stop)

	var err error
	a.stdin, err = proto.Marshal(&agentproto.StartUpInfo{
		Addr:       fmt.Sprintf("127.0.0.1:%d", a.server.Port),
		ServerName: pki.serverName,
		Token:      token,
		CaCert:     pki.ca,
		PeerCert:   pki.clientCert,
		PeerKey:    pki.clientKey,
		Services:   []agentproto.ConnInfoServices{agentproto.ConnInfoServices_CheckinV2},
		Supports:   []agentproto.ConnectionSupports{agentproto.ConnectionSupports_CheckinChunking},
		AgentInfo:  &agentproto.AgentInfo{Id: agentID, Version: agentVersion},
	})
	require.NoError(t, err)
	return a
}

// start runs threatqbeat as a component, with the arguments of its component
// specification and more.
func (a *elasticAgent) start(dir *beattest.Dir, more ...string) *beattest.Process {
	a.t.Helper()
	var spec struct {
		Inputs []struct {
			Command struct {
				Args []string `yaml:"args"`
			} `yaml:"command"`
		} `yaml:"inputs"`
	}
	require.NoError(a.t, yaml.Unmarshal(rootFile(a.t, "threatqbeat.spec.yml"), &spec))
	require.Len(a.t, spec.Inputs, 1)
	dir.Env = []string{"GORACE=exitcode=0"} // see requireNoRaces
	beat := dir.StartWithInput(bytes.NewReader(a.stdin), append(spec.Inputs[0].Command.Args, more...)...)
	a.t.Cleanup(func() {
		beat.Kill()
		requireNoRaces(a.t, beat.Output())
	})
	return beat
}

// knownRaces are in what Elastic Agent's client and Libbeat's manager do with each
// other: the comparison of a unit's payload while it is sent, and a flag that Start
// sets when the manager runs already.
var knownRaces = []string{
	"elastic-agent-client/v7/pkg/client.(*Unit).UpdateState()",
	"x-pack/libbeat/management.(*BeatV2Manager).Start()\n",
}

// requireNoRaces checks the reports of the race detector, where the binary has it.
func requireNoRaces(t *testing.T, output string) {
	t.Helper()
	const border = "=================="
	reports := strings.Split(output, border+"\nWARNING: DATA RACE\n")
	for _, report := range reports[1:] {
		report, _, _ = strings.Cut(report, border)
		// The first two stacks are those of the accesses, the others say who
		// started the goroutines.
		accesses, _, _ := strings.Cut(report, "\n\nGoroutine ")
		if !slices.ContainsFunc(knownRaces, func(known string) bool { return strings.Contains(accesses, known) }) {
			t.Errorf("DATA RACE\n%s", report)
		}
	}
}

func rootFile(t *testing.T, name string) []byte {
	t.Helper()
	root, err := beattest.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return text
}

// expect sets the units that the component should have.
func (a *elasticAgent) expect(units ...*agentproto.UnitExpected) {
	a.t.Helper()
	a.mu.Lock()
	a.expected = units
	stream := a.stream
	a.mu.Unlock()
	if stream != nil {
		_ = stream.SendMsg(a.expectation()) // else it gets it with the next check-in
	}
}

func (a *elasticAgent) expectation() *agentproto.CheckinExpected {
	a.mu.Lock()
	defer a.mu.Unlock()
	return &agentproto.CheckinExpected{
		AgentInfo: &agentproto.AgentInfo{Id: agentID, Version: agentVersion},
		Units:     a.expected,
	}
}

func (a *elasticAgent) observe(checkin *agentproto.CheckinObserved) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if checkin.VersionInfo != nil {
		a.versions = append(a.versions, checkin.VersionInfo)
	}
	a.observed = map[string]*agentproto.UnitObserved{}
	for _, unit := range checkin.Units {
		a.observed[unit.Id] = unit
		a.history = append(a.history, unit)
	}
}

// unit returns the state of a unit as last reported, an empty one before.
func (a *elasticAgent) unit(id string) *agentproto.UnitObserved {
	a.mu.Lock()
	defer a.mu.Unlock()
	if unit := a.observed[id]; unit != nil {
		return unit
	}
	return &agentproto.UnitObserved{}
}

// states lists the states that a unit has reported, without repetitions.
func (a *elasticAgent) states(id string) []agentproto.State {
	a.mu.Lock()
	defer a.mu.Unlock()
	var states []agentproto.State
	for _, unit := range a.history {
		if unit.Id == id && (len(states) == 0 || states[len(states)-1] != unit.State) {
			states = append(states, unit.State)
		}
	}
	return states
}

// is tells whether a unit's last report is of that state and configuration, and
// its message has the text in it.
func (a *elasticAgent) is(want *agentproto.UnitExpected, state agentproto.State, text string) bool {
	unit := a.unit(want.Id)
	return unit.State == state && unit.ConfigStateIdx == want.ConfigStateIdx && strings.Contains(unit.Message, text)
}

func (a *elasticAgent) healthy(units ...*agentproto.UnitExpected) func() bool {
	return func() bool {
		for _, unit := range units {
			if !a.is(unit, agentproto.State_HEALTHY, "") {
				return false
			}
		}
		return true
	}
}

// streamState returns the state and the error of a stream in a unit's payload.
func (a *elasticAgent) streamState(unit, stream string) (state, message string) {
	payload := a.unit(unit).GetPayload().AsMap()
	streams, _ := payload["streams"].(map[string]any)
	entry, _ := streams[stream].(map[string]any)
	state, _ = entry["status"].(string)
	message, _ = entry["error"].(string)
	return state, message
}

// diagnostics collects a unit's diagnostics and those of the component, by name.
func (a *elasticAgent) diagnostics(unit *agentproto.UnitExpected) map[string]*agentproto.ActionDiagnosticUnitResult {
	a.t.Helper()
	results, err := a.server.PerformDiagnostic(unit.Id, unit.Type, agentproto.ActionRequest_ALL, nil)
	require.NoError(a.t, err)
	byName := map[string]*agentproto.ActionDiagnosticUnitResult{}
	for _, result := range results {
		byName[result.Name] = result
	}
	return byName
}

// intercept keeps the stream of the check-ins, to push on it.
func (a *elasticAgent) intercept(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if !strings.HasSuffix(info.FullMethod, "/CheckinV2") {
		return handler(srv, stream)
	}
	pushed := &pushedStream{ServerStream: stream}
	a.mu.Lock()
	a.stream = pushed
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.stream == pushed {
			a.stream = nil
		}
	}()
	return handler(srv, pushed)
}

type pushedStream struct {
	grpc.ServerStream
	mu sync.Mutex
}

func (s *pushedStream) SendMsg(m any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ServerStream.SendMsg(m)
}

// pki is what Elastic Agent makes for each component: both sides of the
// connection show a certificate of the same authority.
type pki struct {
	serverName                string
	server                    *tls.Config
	ca, clientCert, clientKey []byte
}

func newPKI(t *testing.T) pki {
	t.Helper()
	const name = "component.example.com"
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	require.NoError(t, err)
	issue := func(serial int64) (cert, key []byte) {
		leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
			NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
			DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			KeyUsage:    x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &leafKey.PublicKey, caKey)
		require.NoError(t, err)
		keyDER, err := x509.MarshalECPrivateKey(leafKey)
		require.NoError(t, err)
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
			pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
	}
	caPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(caPEM)
	serverCert, serverKey := issue(2)
	pair, err := tls.X509KeyPair(serverCert, serverKey)
	require.NoError(t, err)
	clientCert, clientKey := issue(3)
	return pki{
		serverName: name,
		server: &tls.Config{
			Certificates: []tls.Certificate{pair}, ClientCAs: pool,
			ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
		},
		ca: caPEM, clientCert: clientCert, clientKey: clientKey,
	}
}

// collections are several data collections at one address. The simulator has one
// each.
type collections struct {
	appliances []*appliance
}

func startCollections(t *testing.T, configs ...simulator.Config) *collections {
	t.Helper()
	list := &collections{}
	tokens := map[string]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, a := range list.appliances[1:] {
			if id := a.Config().DataCollectionID; strings.HasSuffix(r.URL.Path, "/"+id) {
				r.Header.Set("Authorization", "Bearer "+tokens[id])
				a.ServeHTTP(w, r)
				return
			}
		}
		list.appliances[0].ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	for _, cfg := range configs {
		sim, err := simulator.New(cfg)
		require.NoError(t, err)
		list.appliances = append(list.appliances, &appliance{sim, server.URL})
		cfg = sim.Config()
		request := httptest.NewRequest(http.MethodPost, "/api/token", strings.NewReader("grant_type=client_credentials"))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.SetBasicAuth(cfg.ClientID, cfg.ClientSecret)
		answer := httptest.NewRecorder()
		sim.ServeHTTP(answer, request)
		require.Equal(t, http.StatusOK, answer.Code)
		tokens[cfg.DataCollectionID] = sim.IssuedTokens()[0]
	}
	return list
}
