// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/cfgfile"
	"github.com/elastic/beats/v7/libbeat/common/reload"
	"github.com/elastic/beats/v7/libbeat/management/status"
	conf "github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp/logptest"

	"github.com/threatqbeat/threatqbeat/config"
)

// recordedStream records the states that are reported of a stream, as Libbeat's
// manager would take them: a state that stays, stays with its reason.
type recordedStream struct {
	state  status.Status
	reason string
	all    []string
}

func (s *recordedStream) UpdateStatus(state status.Status, reason string) {
	if s.state == state {
		return
	}
	s.state, s.reason = state, reason
	s.all = append(s.all, fmt.Sprintf("%s %s", state, reason))
}

type nullPipeline struct{}

func (nullPipeline) ConnectWith(beat.ClientConfig) (beat.Client, error) {
	return nil, errors.New("not to be used")
}
func (p nullPipeline) Connect() (beat.Client, error) { return p.ConnectWith(beat.ClientConfig{}) }

// fakeRunners creates runners that do nothing but are counted. A list of runners
// stops several at a time.
type fakeRunners struct {
	mu      sync.Mutex
	running map[string]int
}

func (f *fakeRunners) Read(input *conf.C) (*config.Input, error) {
	return config.ReadInput(input, func(error) {})
}

func (f *fakeRunners) CheckConfig(input *conf.C) error {
	_, err := f.Create(nil, input)
	return err
}
func (f *fakeRunners) Create(_ beat.PipelineConnector, input *conf.C) (cfgfile.Runner, error) {
	cfg, err := f.Read(input)
	if err != nil {
		return nil, err
	}
	return &fakeRunner{f, cfg.ID}, nil
}

type fakeRunner struct {
	all *fakeRunners
	id  string
}

func (r *fakeRunner) String() string { return r.id }
func (r *fakeRunner) Start() {
	r.all.mu.Lock()
	defer r.all.mu.Unlock()
	r.all.running[r.id]++
}
func (r *fakeRunner) Stop() {
	r.all.mu.Lock()
	defer r.all.mu.Unlock()
	if r.all.running[r.id]--; r.all.running[r.id] == 0 {
		delete(r.all.running, r.id)
	}
}

func newTestManaged(t *testing.T) (*managedInputs, *fakeRunners) {
	runners := &fakeRunners{running: map[string]int{}}
	factory := &runnerFactory{Factory: runners}
	return &managedInputs{factory: factory, runners: cfgfile.NewRunnerList("test", factory, nullPipeline{}, logptest.NewTestingLogger(t, ""))}, runners
}

func managedStream(unit, id string, settings map[string]any) (*reload.ConfigWithMeta, *recordedStream) {
	all := map[string]any{
		"type": "threatq", "id": id, "url": "https://threatq.example.com", "data_collection_id": "0123",
		"auth.oauth2.client.id": "client", "auth.oauth2.client.secret": "never-to-be-shown",
	}
	for key, value := range settings {
		all[key] = value
	}
	stream := &recordedStream{}
	return &reload.ConfigWithMeta{Config: conf.MustNewConfigFrom(all), InputUnitID: unit, StatusReporter: stream}, stream
}

func TestManagedInputs(t *testing.T) {
	managed, runners := newTestManaged(t)
	good, _ := managedStream("b", "good", nil)
	bad, badStream := managedStream("a", "bad", map[string]any{"interval": "0s"})
	off, offStream := managedStream("a", "off", map[string]any{"enabled": false})
	first, firstStream := managedStream("a", "twice", nil)
	second, secondStream := managedStream("b", "twice", map[string]any{"data_collection_id": "4567"})
	none := refusedInput("none", errors.New("no stream at all, with ${a: variable"))
	noneStream := &recordedStream{}
	none.InputUnitID, none.StatusReporter = "a", noneStream

	// The manager has its units in any order.
	for _, order := range [][]*reload.ConfigWithMeta{{good, bad, off, first, second, none}, {none, second, first, off, bad, good}} {
		require.NoError(t, managed.Reload(order))
		assert.Equal(t, map[string]int{"good": 1, "twice": 1}, runners.running)
		assert.Equal(t, status.Failed, badStream.state)
		assert.Contains(t, badStream.reason, `stream "bad": `)
		assert.Contains(t, badStream.reason, "interval")
		assert.NotContains(t, badStream.reason, "never-to-be-shown")
		assert.Equal(t, status.Stopped, offStream.state)
		assert.Equal(t, status.Failed, secondStream.state)
		assert.Contains(t, secondStream.reason, `stream "twice": id`)
		assert.Equal(t, status.Failed, noneStream.state)
		assert.Contains(t, noneStream.reason, "no stream at all")
		assert.Empty(t, firstStream.all)
	}

	managed.runners.Stop()
	assert.Empty(t, runners.running)
}

// A stream that nobody can be told of fails its unit.
func TestManagedInputsWithoutAReporter(t *testing.T) {
	managed, runners := newTestManaged(t)
	good, _ := managedStream("b", "good", nil)
	bad, _ := managedStream("a", "bad", map[string]any{"interval": "0s"})
	bad.StatusReporter = nil
	err := managed.Reload([]*reload.ConfigWithMeta{good, bad})
	var unit cfgfile.UnitError
	require.ErrorAs(t, err, &unit)
	assert.Equal(t, "a", unit.UnitID)
	assert.Equal(t, map[string]int{"good": 1}, runners.running)
	managed.runners.Stop()
}

// Libbeat passes no new reason for a state that stays.
func TestEachReasonIsReported(t *testing.T) {
	stream := &recordedStream{}
	reporter := &streamReporter{StatusReporter: stream}
	reporter.UpdateStatus(status.Configuring, "")
	reporter.UpdateStatus(status.Degraded, "credentials")
	reporter.UpdateStatus(status.Degraded, "unreachable")
	assert.Equal(t, "unreachable", stream.reason)
	reporter.UpdateStatus(status.Running, "")
	assert.Equal(t, []string{"Configuring ", "Degraded credentials", "Configuring ", "Degraded unreachable", "Running "}, stream.all)
}
