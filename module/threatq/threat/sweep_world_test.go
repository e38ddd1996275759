// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/monitoring"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/client"
	"github.com/threatqbeat/threatqbeat/module/threatq/health"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// world is an input between a simulated appliance and an output whose
// acknowledgements a test gives by hand. It lives in a synctest bubble.
type world struct {
	t    *testing.T
	sim  *simulator.Simulator
	cfg  config.Input
	root string
	auth string

	store   *registry.KnownStore
	session *registry.Session
	run     *runner
	sweeper *sweeper
	health  []health.Condition

	// saved is the cursor that a restart goes on from.
	saved registry.State
	// mu guards what the output holds, which may acknowledge while a sweep publishes.
	mu sync.Mutex
	// pending are the events that the output has not acknowledged, and acks that it
	// acknowledges each at once.
	pending []underWay
	acks    bool
	// arrived is the latest event of each indicator.
	arrived map[registry.Indicator]arrival
	retired []registry.Indicator
	events  int
	// back are the indicators that came since the sweep began.
	back map[registry.Indicator]bool

	// fault may spoil a page.
	fault        func(page *client.Page, brief bool) (*client.Page, error)
	brief, whole int // requests
}

type underWay struct {
	event  beat.Event
	update any
}

type arrival struct {
	version registry.Version
	expires time.Time
	retired bool
}

func newWorld(t *testing.T, indicators int, change ...func(*simulator.Config, *config.Input)) *world {
	sim := simulator.Config{Indicators: indicators, Seed: 1, Now: time.Now, Untidy: 0.2}
	cfg := config.DefaultInput()
	cfg.ID, cfg.URL, cfg.DataCollectionID = "one", "https://threatq.example.com", simulator.DefaultDataCollectionID
	cfg.PageSize = 20
	for _, change := range change {
		change(&sim, &cfg)
	}
	appliance, err := simulator.New(sim)
	require.NoError(t, err)
	w := &world{t: t, sim: appliance, cfg: cfg, root: t.TempDir(), acks: true, arrived: map[registry.Indicator]arrival{}, back: map[registry.Indicator]bool{}}
	form := url.Values{"grant_type": {"client_credentials"}}
	request := httptest.NewRequest(http.MethodPost, simulator.TokenPath, strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(simulator.DefaultClientID, simulator.DefaultClientSecret)
	var token struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal(w.serve(request).Body.Bytes(), &token))
	w.auth = "Bearer " + token.AccessToken
	w.start()
	return w
}

func (w *world) serve(r *http.Request) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	w.sim.ServeHTTP(recorder, r)
	require.Equal(w.t, http.StatusOK, recorder.Code, recorder.Body)
	return recorder
}

// start starts the input, as a new process does.
func (w *world) start() {
	log := logp.NewNopLogger()
	var err error
	w.store, err = registry.OpenKnown(w.root, 0o600, log)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = w.store.Close() })
	known, _, err := w.store.Use(w.cfg.ID, w.cfg.URL, w.cfg.DataCollectionID)
	require.NoError(w.t, err)
	w.session = known.Connect()
	out := &announcer{session: w.session, forward: w.publish}
	keeper := new(health.Board).Start(w.cfg.ID)
	keeper.OnChange(func(worst health.Condition) { w.health = append(w.health, worst) })
	figures := newMetrics(monitoring.NewRegistry(), newTotals(nil), keeper, followed(), log)
	w.run = &runner{
		interval: w.cfg.Interval, pages: w, mapper: NewMapper(MapperConfigOf(&w.cfg)),
		publish: out.publish, flush: out.flush, saveMark: w.saveMark, state: w.saved, metrics: figures, log: log, health: keeper,
		followed: followed(), reporter: new(Reports).start(w.cfg.ID, w.saved, keeper),
	}
	in := &input{cfg: w.cfg, env: Environment{Known: w.store}, known: known, session: w.session}
	w.sweeper = in.newSweeper(w.run, w, out, newSweepMetrics(monitoring.NewRegistry(), figures))
	w.run.sweeper = w.sweeper
}

// kill ends the process at once. The output has written some of what was under way.
func (w *world) kill(random *rand.Rand) {
	for _, event := range w.pending[:random.IntN(len(w.pending)+1)] {
		w.write(event.event)
	}
	w.pending = nil
	root := w.t.TempDir()
	require.NoError(w.t, os.CopyFS(root, os.DirFS(w.root)))
	w.root = root
	w.start()
}

func (w *world) Page(ctx context.Context, mark string) (*client.Page, error) {
	w.whole++
	return w.page(ctx, mark, w.cfg.FieldsParam)
}

func (w *world) PageOf(ctx context.Context, mark, fields string) (*client.Page, error) {
	w.brief++
	return w.page(ctx, mark, fields)
}

func (w *world) page(ctx context.Context, mark, fields string) (*client.Page, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	query := url.Values{"cursorMark": {mark}, "limit": {strconv.Itoa(w.cfg.PageSize)}, "fields": {fields}}
	request := httptest.NewRequest(http.MethodGet, simulator.DataPath+w.cfg.DataCollectionID+"?"+query.Encode(), nil)
	request.Header.Set("Authorization", w.auth)
	var answer struct {
		Total *int64            `json:"total"`
		Data  []json.RawMessage `json:"data"`
		Next  string            `json:"nextCursorMark"`
	}
	require.NoError(w.t, json.Unmarshal(w.serve(request).Body.Bytes(), &answer))
	page := &client.Page{Mark: mark, NextCursorMark: answer.Next, Total: -1}
	if answer.Total != nil {
		page.Total = *answer.Total
	}
	for _, raw := range answer.Data {
		page.Indicators = append(page.Indicators, raw)
	}
	if w.fault != nil {
		return w.fault(page, fields == sweepFields)
	}
	return page, nil
}

func (w *world) publish(event beat.Event, update any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.session.AddEvent(event, true)
	w.pending = append(w.pending, underWay{event, update})
	if w.acks {
		w.acknowledge(len(w.pending))
	}
	return nil
}

// saveMark saves a cursor without an event, once the events before are acknowledged.
func (w *world) saveMark(update any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last := len(w.pending) - 1; last >= 0 {
		w.pending[last].update = update
		return nil
	}
	w.saved = update.(registry.State)
	return nil
}

// ack has the output write and acknowledge events.
func (w *world) ack(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acknowledge(n)
}

func (w *world) acknowledge(n int) {
	for _, event := range w.pending[:n] {
		w.write(event.event)
	}
	w.session.ACKEvents(n)
	for _, event := range w.pending[:n] {
		if event.update != nil {
			w.saved = event.update.(registry.State)
		}
	}
	w.pending = w.pending[n:]
}

func (w *world) write(event beat.Event) {
	entry := entryOf(event)
	if !entry.Named() {
		return
	}
	w.events++
	reason, _ := event.Fields.GetValue("threatq.ioc_expiration_reason")
	at, err := event.Fields.GetValue("threatq.ioc_expired_at")
	require.NoError(w.t, err)
	text, err := json.Marshal(at)
	require.NoError(w.t, err)
	var expires time.Time
	require.NoError(w.t, json.Unmarshal(text, &expires))
	a := arrival{entry.Version, expires, reason == RetiredReason}
	if a.retired {
		w.retired = append(w.retired, entry.Indicator)
	}
	w.arrived[entry.Indicator] = a
}

// collection is what the appliance holds of what can be read.
func (w *world) collection() map[registry.Indicator]arrival {
	all := map[registry.Indicator]arrival{}
	for indicator := range w.sim.Expected() {
		if brief, err := w.run.mapper.Brief(w.sim.Indicator(indicator.Index), time.Now()); err == nil {
			all[brief.Indicator] = arrival{version: brief.Version, expires: brief.ExpiredAt}
		}
	}
	return all
}

// indicator names the indicator of an id of the simulator.
func (w *world) indicator(id int64) registry.Indicator {
	brief, err := w.run.mapper.Brief(w.sim.Indicator(int(id-1)), time.Now())
	if err != nil {
		return registry.Indicator{ID: registry.Missing, IndicatorID: registry.Missing}
	}
	return brief.Indicator
}

// differences are the indicators whose latest event does not agree with the
// collection: the active set that a transform makes of the events would be another.
func (w *world) differences() []registry.Indicator {
	var list []registry.Indicator
	held := w.collection()
	for indicator, want := range held {
		if got, ok := w.arrived[indicator]; !ok || got.retired || got.version != want.version {
			list = append(list, indicator)
		}
	}
	for indicator, got := range w.arrived {
		if _, ok := held[indicator]; !ok && got.expires.After(time.Now()) {
			list = append(list, indicator)
		}
	}
	return list
}

var errInVain = errors.New("the sweep did not count")

// sweep makes a sweep out of turn, and returns why it did not count.
func (w *world) sweep() error {
	w.sweeper.current = nil
	w.sweeper.schedule.ask()
	w.sweeper.schedule.notBefore = time.Time{}
	w.sweeper.ready = true
	failures := w.sweeper.schedule.failures
	for {
		if w.sweeper.current == nil {
			clear(w.back)
		}
		w.sweeper.turn(w.t.Context())
		if w.sweeper.schedule.failures > failures {
			return errInVain
		}
		if w.sweeper.current == nil {
			return nil
		}
		if w.sweeper.current.awaitsCycle {
			w.sweeper.cycled(w.run.cycle(w.t.Context()))
		}
		time.Sleep(settlePoll)
	}
}
