// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// crashes is a test that kills threatqbeat at random moments.
type crashes struct {
	kills      int
	indicators int
	// longest is the longest time from the first request to the kill.
	longest time.Duration
	// faults has the appliance fail now and then as well.
	faults bool
}

const (
	crashPage  = 100
	crashQueue = 512
)

// arrived counts the events of each version of each indicator.
type arrived struct {
	mu       sync.Mutex
	versions map[int64]map[string]int
	events   int
}

func (a *arrived) take(event beattest.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id, _ := event.Get("threatq.id").(float64)
	updated, _ := event.Get("threatq.updated_at").(string)
	if a.versions[int64(id)] == nil {
		a.versions[int64(id)] = map[string]int{}
	}
	a.versions[int64(id)][updated]++
	a.events++
}

// missing counts the indicators whose present version has not arrived.
func (a *arrived) missing(sim *appliance) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	count := 0
	for indicator := range sim.Expected() {
		if a.versions[indicator.ID][indicator.UpdatedAt.UTC().Format("2006-01-02T15:04:05.000Z")] == 0 {
			count++
		}
	}
	return count
}

// count returns how many versions arrived, and how many events repeated one.
func (a *arrived) count() (versions, repeated int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, of := range a.versions {
		versions += len(of)
	}
	return versions, a.events - versions
}

// run kills it again and again while the appliance changes, and checks what
// arrived at the end.
func (c crashes) run(t *testing.T) {
	cfg := tidy(c.indicators)
	cfg.Latency = 20 * time.Millisecond
	sim := startAppliance(t, cfg)
	es, events := startElasticsearch(t), &arrived{versions: map[int64]map[string]int{}}
	es.take, es.latency = events.take, 20*time.Millisecond
	dir := beattest.NewDir(t)
	settings := es.output(map[string]any{"bulk_max_size": crashPage})
	settings["threatqbeat.inputs"] = []any{sim.input("one", map[string]any{
		"page_size":     crashPage,
		"request.retry": map[string]any{"max_attempts": 3, "wait_min": "10ms", "wait_max": "20ms"},
	})}
	settings["queue.mem.events"], settings["queue.mem.flush.min_events"] = crashQueue, crashPage
	settings["logging"] = map[string]any{"level": "info", "to_files": true, "metrics.enabled": false}
	dir.Configure(settings)

	seed := uint64(time.Now().UnixNano())
	t.Logf("Seed %d.", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	start := time.Now()
	for kill := range c.kills {
		if c.faults {
			kinds := []string{"503@%d", "reset@%d", "truncated@%d", "badjson@%d:where=end", "401@%d", "html@%d"}
			require.NoError(t, sim.Inject(fmt.Sprintf(kinds[random.IntN(len(kinds))], 1+random.IntN(10))))
		}
		before := sim.Stats().Total(simulator.EndpointData)
		beat := dir.Start("run")
		if kill%10 != 9 { // some are killed before they have begun
			beat.Eventually("the first page", func() bool { return sim.Stats().Total(simulator.EndpointData) > before })
		}
		time.Sleep(time.Duration(random.Int64N(int64(c.longest))))
		beat.Kill()
		require.NotContains(t, beat.Output(), "panic")
		// The registry can be read, whatever it was doing.
		output, code := dir.Run("cursor", "list", "--json")
		require.Zero(t, code, output)
		sim.Touch(crashPage)
	}
	took := time.Since(start)

	beat := dir.Start("run")
	total := func() int {
		versions, repeated := events.count()
		return versions + repeated
	}
	beat.Eventually("the collection of the rest", settled(total, func() bool { return events.missing(sim) == 0 }))
	beat.Stop()

	versions, repeated := events.count()
	t.Logf("%d kills in %s: %d versions of %d indicators arrived; %d events were repeated, %d per kill; %d may be in flight.",
		c.kills, took.Round(time.Second), versions, c.indicators, repeated, repeated/c.kills, crashQueue+crashPage)
	assert.LessOrEqual(t, repeated, c.kills*(crashQueue+crashPage), "repeated events: those in flight at each kill, which are the queue and one page")
	for _, message := range dir.LogMessages("warn") {
		assert.NotContains(t, message, "damaged", "a kill never damages the registry")
	}
}

// Killed at random moments while indicators change, threatqbeat loses no version
// of any, repeats no more than what was in flight, and finds its registry whole.
func TestKilledRepeatsNoMoreThanWasInFlight(t *testing.T) {
	t.Parallel()
	indicators := 5_000
	if beattest.RaceEnabled {
		indicators = 2_000
	}
	crashes{kills: 8, indicators: indicators, longest: 300 * time.Millisecond}.run(t)
}

func TestSoakKilledAtRandom(t *testing.T) {
	soak(t)
	crashes{kills: 200, indicators: 100_000, longest: 600 * time.Millisecond, faults: true}.run(t)
}
