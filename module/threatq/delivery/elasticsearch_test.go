// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/outputs"
	"github.com/elastic/beats/v7/libbeat/publisher"
	"github.com/elastic/elastic-agent-libs/config"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/mapstr"
	"github.com/elastic/elastic-agent-libs/monitoring"

	"github.com/threatqbeat/threatqbeat/module/threatq/health"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

const (
	noPrivilege = `{"status":403,"error":{"type":"security_exception","reason":"action [indices:admin/auto_create] is unauthorized"}}`
	conflict    = `{"status":400,"error":{"type":"document_parsing_exception","reason":"[1:44] failed to parse field [num]"}}`
	busy        = `{"status":503,"error":{"type":"unavailable_shards_exception","reason":"primary shard is not active"}}`
	taken       = `{"status":201}`
)

// server answers bulk requests: with what answers has for the threatq.id, else it takes
// the document.
type server struct {
	mu      sync.Mutex
	answers map[int]string
	tooBig  int64           // a request of more bytes is refused
	taken   map[string]int  // threatq.id -> times
	indices map[string]bool // written to
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	if !strings.HasSuffix(r.URL.Path, "/_bulk") {
		fmt.Fprint(w, `{"version":{"number":"8.10.4","build_flavor":"default"}}`)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tooBig > 0 && r.ContentLength > s.tooBig {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	var items []string
	for lines := json.NewDecoder(r.Body); ; {
		var action struct {
			Create struct {
				Index string `json:"_index"`
			} `json:"create"`
		}
		var doc struct {
			Threatq struct{ ID int }
		}
		if lines.Decode(&action) != nil || lines.Decode(&doc) != nil {
			break
		}
		answer, refused := s.answers[doc.Threatq.ID]
		if !refused || action.Create.Index == "dead" {
			answer = taken
			s.taken[fmt.Sprintf("%s/%d", action.Create.Index, doc.Threatq.ID)]++
			s.indices[action.Create.Index] = true
		}
		items = append(items, `{"create":`+answer+`}`)
	}
	fmt.Fprintf(w, `{"errors":true,"items":[%s]}`, strings.Join(items, ","))
}

type indexManager struct{}

func (indexManager) BuildSelector(*config.C) (outputs.IndexSelector, error) {
	return indexManager{}, nil
}
func (indexManager) Select(*beat.Event) (string, error) { return "logs-test", nil }

// world is an output to a server, and an input whose events go there.
type world struct {
	t       *testing.T
	server  *server
	client  outputs.NetworkClient
	group   outputs.Group
	input   *Input
	keeper  *health.Keeper
	stats   *monitoring.Registry
	log     *logp.Logger
	lines   *observer.ObservedLogs
	refused []registry.Indicator
	size    int // of events, in bytes, about
}

func newWorld(t *testing.T, settings map[string]any) *world {
	w := &world{t: t, server: &server{answers: map[int]string{}, taken: map[string]int{}, indices: map[string]bool{}}}
	fake := httptest.NewServer(w.server)
	t.Cleanup(fake.Close)
	all := map[string]any{"hosts": []string{fake.URL}, "backoff.init": "1ms", "backoff.max": "2ms", "compression_level": 0}
	for name, value := range settings {
		all[name] = value
	}
	w.stats = monitoring.NewRegistry()
	core, lines := observer.New(zapcore.DebugLevel)
	w.log, w.lines = logp.NewLogger("", zap.WrapCore(func(zapcore.Core) zapcore.Core { return core })), lines
	group, err := aroundElasticsearch(outputs.FindFactory("elasticsearch"))(indexManager{},
		beat.Info{Beat: "test", Version: "9.9.9", Logger: w.log}, outputs.NewStats(w.stats, w.log), config.MustNewConfigFrom(all))
	require.NoError(t, err)
	w.group = group
	w.client = group.Clients[0].(outputs.NetworkClient)
	require.NoError(t, w.client.Connect(context.Background()))
	t.Cleanup(func() { _ = w.client.Close() })

	board := &health.Board{}
	w.keeper = board.Start("one")
	w.keeper.Clear(health.Cycle)
	w.input = NewTracker(Settings{MaxInFlight: 1 << 20}, board, monitoring.NewRegistry()).Input("one")
	w.input.OnRefused(func(i registry.Indicator) { w.refused = append(w.refused, i) })
	return w
}

// encoded are events as the queue hands them out.
func (w *world) encoded(ids ...int) []publisher.Event {
	encode := w.group.EncoderFactory()
	var events []publisher.Event
	for _, id := range ids {
		entry, _ := encode.EncodeEntry(publisher.Event{Content: beat.Event{
			Fields:  mapstr.M{"threatq": mapstr.M{"id": int64(id)}, "message": strings.Repeat("x", w.size)},
			Private: w.input.plain,
		}})
		events = append(events, entry.(publisher.Event))
	}
	return events
}

// publish sends events once, and returns what is to be sent again.
func (w *world) publish(events []publisher.Event) (again []publisher.Event, err error) {
	b := &testBatch{events: events}
	err = w.client.Publish(context.Background(), b)
	assert.Equal(w.t, 1, b.signals, "a batch is answered once")
	w.input.look(time.Now()) // as Watch does each second
	return b.again, err
}

// testBatch keeps what the output makes of a batch.
type testBatch struct {
	events, again []publisher.Event
	signals       int
}

func (b *testBatch) Events() []publisher.Event { return b.events }
func (b *testBatch) ACK()                      { b.signals++ }
func (b *testBatch) Drop()                     { b.signals++ }
func (b *testBatch) Retry()                    { b.RetryEvents(b.events) }
func (b *testBatch) Cancelled()                { b.RetryEvents(b.events) }
func (b *testBatch) SplitRetry() bool {
	if len(b.events) < 2 {
		return false
	}
	b.signals++
	return true
}
func (b *testBatch) RetryEvents(events []publisher.Event) {
	b.signals++
	b.again = events
}

// What the cluster's state is the reason of is held, and goes out as it was once that
// is mended.
func TestHeldUntilMended(t *testing.T) {
	w := newWorld(t, nil)
	for id := range 10 {
		if id%2 == 1 {
			w.server.answers[id] = noPrivilege
		}
	}
	w.server.answers[4] = busy
	events := w.encoded(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	for range 3 {
		var err error
		events, err = w.publish(events)
		require.ErrorContains(t, err, "Elasticsearch refuses 5 documents, which are held and sent again")
		require.Len(t, events, 6)
		condition := w.keeper.Worst()
		assert.Equal(t, health.Degraded, condition.State)
		assert.Equal(t, health.Output, condition.Source)
		assert.Contains(t, condition.Reason, "refuses 5 documents")
		assert.Contains(t, condition.Reason, "security_exception: action [indices:admin/auto_create] is unauthorized")
		assert.Contains(t, condition.Reason, "auto_configure")
	}
	clear(w.server.answers)
	again, err := w.publish(events)
	require.NoError(t, err)
	assert.Empty(t, again)
	assert.Equal(t, health.Healthy, w.keeper.Worst().State)
	for id := range 10 {
		assert.Equal(t, 1, w.server.taken[fmt.Sprintf("logs-test/%d", id)], "indicator %d", id)
	}
	assert.Equal(t, map[string]bool{"logs-test": true}, w.server.indices)
	assert.Empty(t, w.refused)
	assert.Zero(t, w.input.Refused())
	assert.Empty(t, w.logged("Cannot index"), "Libbeat says so of each attempt")
}

// What is refused for its content costs itself only, once.
func TestRefusedForTheContent(t *testing.T) {
	w := newWorld(t, nil)
	w.server.answers[3] = conflict
	again, err := w.publish(w.encoded(1, 2, 3, 4))
	require.NoError(t, err)
	assert.Empty(t, again)
	assert.Len(t, w.server.taken, 3)
	assert.Equal(t, []registry.Indicator{{ID: 3, IndicatorID: registry.Missing}}, w.refused, "before the batch is acknowledged")
	assert.EqualValues(t, 1, w.input.Refused())
	condition := w.keeper.Worst()
	assert.Equal(t, health.Refused, condition.Source)
	assert.Contains(t, condition.Reason, "1 document")
	assert.Contains(t, condition.Reason, "document_parsing_exception: [1:44] failed to parse field [num] (status 400)")
	w.requireLine(zapcore.WarnLevel, `Cannot index event '{"@timestamp"`, `"threatq":{"id":3}`, "kept here only")
	assert.EqualValues(t, 1, w.count("events.dropped"))
	assert.EqualValues(t, 3, w.count("events.acked"))
	assert.EqualValues(t, 0, w.count("events.active"))

	w.input.LogRefused(w.log)
	w.requireLine(zapcore.ErrorLevel, "refused 1 document for the content: threatq.id 3.", "document_parsing_exception")
	w.input.LogRefused(w.log)
	assert.Len(t, w.logged("for the content"), 1)

	// An update that the mapping takes ends it.
	delete(w.server.answers, 3)
	_, err = w.publish(w.encoded(3))
	require.NoError(t, err)
	assert.Equal(t, health.Healthy, w.keeper.Worst().State)
}

// The documents of one batch are judged one by one.
func TestHeldAndRefusedInOneBatch(t *testing.T) {
	w := newWorld(t, nil)
	w.server.answers[1], w.server.answers[2] = noPrivilege, conflict
	again, err := w.publish(w.encoded(1, 2, 3))
	require.Error(t, err)
	require.Len(t, again, 1)
	assert.Equal(t, []registry.Indicator{{ID: 2, IndicatorID: registry.Missing}}, w.refused)
	clear(w.server.answers)
	again, err = w.publish(again)
	require.NoError(t, err)
	assert.Empty(t, again)
	assert.Equal(t, map[string]int{"logs-test/1": 1, "logs-test/3": 1}, w.server.taken)
	assert.Equal(t, health.Refused, w.keeper.Worst().Source)
}

// A user's own dead letter index gets what is refused for its content, and nothing else.
func TestDeadLetterIndex(t *testing.T) {
	w := newWorld(t, map[string]any{"non_indexable_policy.dead_letter_index.index": "dead"})
	w.server.answers[1], w.server.answers[2] = noPrivilege, conflict
	again, err := w.publish(w.encoded(1, 2, 3))
	require.Error(t, err)
	require.Len(t, again, 2)
	assert.EqualValues(t, 1, w.input.Refused())
	again, err = w.publish(again)
	require.Error(t, err)
	require.Len(t, again, 1)
	assert.Equal(t, map[string]bool{"logs-test": true, "dead": true}, w.server.indices)
	clear(w.server.answers)
	_, err = w.publish(again)
	require.NoError(t, err)
	assert.EqualValues(t, 1, w.input.Refused())
	assert.Equal(t, health.Refused, w.keeper.Worst().Source, "a dead letter is no delivery")
}

// A document that is too large for the server can't be split.
func TestTooLargeDocument(t *testing.T) {
	w := newWorld(t, nil)
	w.server.tooBig, w.size = 10, smallDocument
	_, err := w.publish(w.encoded(1))
	require.NoError(t, err)
	assert.Equal(t, []registry.Indicator{{ID: 1, IndicatorID: registry.Missing}}, w.refused)
	w.requireLine(zapcore.WarnLevel, "Cannot index event", "http.max_content_length")
}

// A document that is too small to be the reason is held until the limit is raised.
func TestLimitBelowEveryDocument(t *testing.T) {
	w := newWorld(t, nil)
	w.server.tooBig = 10
	events := w.encoded(1)
	for range 3 {
		var err error
		events, err = w.publish(events)
		require.ErrorContains(t, err, "Raise the limit on requests of the proxy in between")
		require.Len(t, events, 1)
		assert.Equal(t, health.Output, w.keeper.Worst().Source)
	}
	w.server.tooBig = 0
	_, err := w.publish(events)
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"logs-test/1": 1}, w.server.taken)
	assert.Zero(t, w.input.Refused())
}

// An event that can't be encoded is dropped by Libbeat without a trace.
func TestUnencodableEvent(t *testing.T) {
	w := newWorld(t, nil)
	encode := w.group.EncoderFactory()
	entry, _ := encode.EncodeEntry(publisher.Event{Content: beat.Event{
		Fields:  mapstr.M{"threatq": mapstr.M{"id": int64(7)}, "wrong": func() {}},
		Private: w.input.plain,
	}})
	_, err := w.publish([]publisher.Event{entry.(publisher.Event)})
	require.NoError(t, err)
	assert.Equal(t, []registry.Indicator{{ID: 7, IndicatorID: registry.Missing}}, w.refused)
	_, err = w.publish(append(w.encoded(8), entry.(publisher.Event)))
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"logs-test/8": 1}, w.server.taken)
}

func (w *world) count(name string) int64 {
	return monitoring.CollectFlatSnapshot(w.stats, monitoring.Full, false).Ints[name]
}

func (w *world) logged(part string) []observer.LoggedEntry {
	return w.lines.Filter(func(e observer.LoggedEntry) bool { return strings.Contains(e.Message, part) }).All()
}

func (w *world) requireLine(level zapcore.Level, parts ...string) {
	w.t.Helper()
	lines := w.logged(parts[0])
	require.Len(w.t, lines, 1, parts[0])
	assert.Equal(w.t, level, lines[0].Level)
	for _, part := range parts {
		assert.Contains(w.t, lines[0].Message, part)
	}
}
