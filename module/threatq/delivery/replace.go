// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
	_ "unsafe" // for go:linkname

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/elastic/beats/v7/libbeat/common/backoff"
	"github.com/elastic/beats/v7/libbeat/outputs"
	_ "github.com/elastic/beats/v7/libbeat/outputs/elasticsearch" // these are replaced
	_ "github.com/elastic/beats/v7/libbeat/outputs/logstash"
	_ "github.com/elastic/beats/v7/libbeat/outputs/redis"
	"github.com/elastic/beats/v7/libbeat/publisher"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/testing"

	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// registered are Libbeat's outputs by their names. Libbeat refuses to register a
// name twice and has no other place where all ways to make an output meet, whether it
// is configured in the file or by Elastic Agent. To be reported to elastic/beats:
// outputs.RegisterType has no counterpart that replaces.
//
//go:linkname registered github.com/elastic/beats/v7/libbeat/outputs.outputReg
var registered map[string]outputs.Factory

// ReplaceOutputs puts what this package is for around Libbeat's outputs. It is to be
// called once, before any output is made.
func ReplaceOutputs() {
	ReplaceOutput("elasticsearch", aroundElasticsearch)
	ReplaceOutput("file", insteadOfFile)
	ReplaceOutput("redis", aroundRedis)
	for _, name := range []string{"elasticsearch", "logstash", "redis"} {
		ReplaceOutput(name, func(factory outputs.Factory) outputs.Factory { return Watched(name, factory) })
	}
}

// WrapClients replaces each client of a group by what around makes of it. The command
// test output tests it as it was, unless the new one has a test of its own.
func WrapClients(group outputs.Group, around func(outputs.NetworkClient) outputs.NetworkClient) (outputs.Group, error) {
	for i, inner := range group.Clients {
		network, ok := inner.(outputs.NetworkClient)
		if !ok {
			return outputs.Fail(fmt.Errorf("the client %s can't be connected", inner))
		}
		client := around(network)
		test, testable := inner.(testing.Testable)
		if _, own := client.(testing.Testable); testable && !own {
			client = testableClient{client, test}
		}
		group.Clients[i] = client
	}
	return group, nil
}

type testableClient struct {
	outputs.NetworkClient
	testing.Testable
}

// FilterLog returns a logger that leaves out the lines that drop says. It is shown
// errors even where the log is at the level critical.
func FilterLog(log *logp.Logger, drop func(zapcore.Entry) bool) *logp.Logger {
	return log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core { return &filter{core, drop} }))
}

type filter struct {
	zapcore.Core
	drop func(zapcore.Entry) bool
}

func (f *filter) Enabled(level zapcore.Level) bool {
	return level == zapcore.ErrorLevel || f.Core.Enabled(level)
}

func (f *filter) With(fields []zapcore.Field) zapcore.Core {
	return &filter{f.Core.With(fields), f.drop}
}

func (f *filter) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if f.drop(entry) {
		return checked
	}
	return f.Core.Check(entry, checked)
}

// ReplaceOutput replaces the factory of one of Libbeat's outputs by what around makes
// of it. It is to be called before any output is made, and panics when Libbeat has no
// output of that name.
func ReplaceOutput(name string, around func(outputs.Factory) outputs.Factory) {
	factory := registered[name]
	if factory == nil {
		panic(fmt.Sprintf("Libbeat has no output %q that could be replaced", name))
	}
	registered[name] = around(factory)
}

// blocked is why the output takes nothing for now. The output belongs to the process,
// as what replaces it does.
var blocked atomic.Pointer[string]

// Blocked says why the output takes no events for now and what to do, "" when it
// takes them. Inputs with events waiting are degraded for that reason within a second.
func Blocked(why string) { blocked.Store(&why) }

// holding has a client of an output wait between two attempts, until it is closed.
type holding struct {
	backoff.Backoff
	log       *logp.Logger
	held      bool
	closed    chan struct{}
	closeOnce sync.Once
}

func newHolding(log *logp.Logger, init, longest time.Duration) *holding {
	closed := make(chan struct{})
	return &holding{Backoff: backoff.NewEqualJitterBackoff(closed, init, longest), log: log, closed: closed}
}

// hold says why nothing is taken for now.
func (h *holding) hold(why string) {
	h.log.Error(why)
	Blocked(why)
	h.held = true
}

// resume says that something was taken.
func (h *holding) resume() {
	if h.held {
		h.held = false
		Blocked("")
		h.Reset()
	}
}

// end ends the waiting for good.
func (h *holding) end() { h.closeOnce.Do(func() { close(h.closed) }) }

// pausing is a client whose Publish waits where it has to.
type pausing struct {
	outputs.NetworkClient
	pause *holding
}

// Close ends the waiting as well.
func (c pausing) Close() error {
	c.pause.end()
	return c.NetworkClient.Close()
}

// Refuse takes note of events that the output refuses for their content, before they
// are acknowledged, and writes them to the log of events.
func Refuse(log *logp.Logger, events []publisher.Event, why string) {
	for i := range events {
		event := &events[i].Content
		inputOf(event).refuse(registry.IndicatorOf(event), why)
		log.Warnw(fmt.Sprintf("The output refuses an event: %s: %v", why, event.Fields), logp.TypeKey, logp.EventType)
	}
}
