// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

const (
	sweptPages    = 100
	changed       = 200
	retiredReason = "Expiration set since ThreatQ's data collection no longer holds the indicator"
)

// swept is a threatqbeat that sweeps a large collection again and again.
type swept struct {
	t    *testing.T
	sim  *appliance
	dir  *beattest.Dir
	beat *beattest.Process

	latest  map[int64]latestEvent
	retired []int64
	offset  int64
	rest    []byte
	left    map[int64]bool // at any time
	joined  []int64        // without an update since
}

// latestEvent is the latest event of an indicator.
type latestEvent struct {
	updated string
	retired bool
}

func startSwept(t *testing.T, settings map[string]any) *swept {
	pageSize := 500
	if beattest.RaceEnabled {
		pageSize = 50 // so that there are as many requests
	}
	cfg := tidy(sweptPages * pageSize)
	cfg.Latency = 5 * time.Millisecond
	s := &swept{t: t, sim: startAppliance(t, cfg), dir: beattest.NewDir(t), latest: map[int64]latestEvent{}, left: map[int64]bool{}}
	input := s.sim.input("one", map[string]any{"interval": "1s", "reconcile.interval": "1s", "page_size": pageSize})
	maps.Copy(input, settings)
	s.dir.Configure(map[string]any{
		"threatqbeat.inputs": []any{input}, "logging": map[string]any{"level": "info", "to_files": true, "metrics.enabled": false},
	})
	s.beat = s.dir.Start("run")
	s.equal()
	s.beat.Eventually("a sweep", func() bool { return len(s.sweeps()) > 0 })
	return s
}

// follow reads what the output has written since.
func (s *swept) follow() {
	names, err := filepath.Glob(s.dir.File("events", "*"))
	require.NoError(s.t, err)
	if len(names) == 0 {
		return
	}
	require.Len(s.t, names, 1)
	file, err := os.Open(names[0])
	require.NoError(s.t, err)
	defer file.Close()
	_, err = file.Seek(s.offset, io.SeekStart)
	require.NoError(s.t, err)
	text, err := io.ReadAll(file)
	require.NoError(s.t, err)
	s.offset += int64(len(text))
	text = append(s.rest, text...)
	for {
		line, rest, whole := bytes.Cut(text, []byte{'\n'})
		if !whole {
			break
		}
		s.take(line)
		text = rest
	}
	s.rest = bytes.Clone(text)
}

func (s *swept) take(line []byte) {
	var event struct {
		ThreatQ struct {
			ID      int64  `json:"id"`
			Updated string `json:"updated_at"`
			Reason  string `json:"ioc_expiration_reason"`
		} `json:"threatq"`
	}
	if json.Unmarshal(line, &event) != nil {
		// A kill has cut a line short, and the next start has continued it.
		at := bytes.LastIndex(line, []byte(`{"@timestamp"`))
		require.Positive(s.t, at, "%s", line)
		require.NoError(s.t, json.Unmarshal(line[at:], &event))
	}
	if event.ThreatQ.ID == 0 {
		return // what could not be read, as a fault has made it
	}
	id, retired := event.ThreatQ.ID, event.ThreatQ.Reason == retiredReason
	s.latest[id] = latestEvent{event.ThreatQ.Updated, retired}
	if retired {
		s.retired = append(s.retired, id)
		assert.True(s.t, s.left[id], "indicator %d was retired and has never left the collection", id)
	}
}

// differences counts the indicators whose latest event does not agree with the
// collection.
func (s *swept) differences() int {
	n, held := 0, map[int64]bool{}
	for indicator := range s.sim.Expected() {
		held[indicator.ID] = true
		latest, arrived := s.latest[indicator.ID]
		if !arrived || latest.retired || latest.updated != indicator.UpdatedAt.Format("2006-01-02T15:04:05.000Z") {
			n++
		}
	}
	for id, latest := range s.latest {
		if !held[id] && !latest.retired {
			n++
		}
	}
	return n
}

func (s *swept) equal() {
	read := func() int {
		s.follow()
		return int(s.offset)
	}
	s.beat.Eventually("the latest event of each indicator agrees with the collection", settled(read, func() bool { return s.differences() == 0 }))
}

// change lets indicators leave, join and be updated, the last in the middle of a
// sweep.
func (s *swept) change(n int) {
	for _, id := range s.sim.Leave(n) {
		s.left[id] = true
	}
	s.joined = append(s.joined, s.sim.Join(n)...)
	if !s.beat.Exited() {
		before := s.sim.Stats().Total(simulator.EndpointData)
		s.beat.Eventually("the middle of a sweep", func() bool { return s.sim.Stats().Total(simulator.EndpointData) > before+30 })
	}
	updated := s.sim.Touch(n)
	s.joined = slices.DeleteFunc(s.joined, func(id int64) bool { return slices.Contains(updated, id) })
}

// sweeps are the log lines of the sweeps that counted.
func (s *swept) sweeps() []beattest.Event {
	return slices.DeleteFunc(s.dir.Logs(), func(line beattest.Event) bool { return line["message"] != "The sweep is complete." })
}

func TestSweepMakesTheEventsAgree(t *testing.T) {
	t.Parallel()
	s := startSwept(t, nil)
	s.change(changed)
	s.equal()
	// The sweep that made the last of it agree may not have come to its end.
	before := len(s.sweeps())
	s.beat.Eventually("the end of the sweep", func() bool { return len(s.sweeps()) > before })
	s.beat.Stop()
	var retired, missing, whole float64
	for _, line := range s.dir.Logs() {
		if line["pages_whole"] == nil {
			continue // another line than that of a sweep, whether it counted or the collection changed too much
		}
		retired += line.Get("retired").(float64)
		missing += line.Get("missing").(float64)
		whole += line.Get("pages_whole").(float64)
	}
	t.Logf("%v sweeps retired %v, found %v missing and fetched %v pages whole.", len(s.sweeps()), retired, missing, whole)
	assert.EqualValues(t, changed, retired)
	assert.Len(t, s.retired, changed)
	assert.LessOrEqual(t, missing, float64(2*changed), "what joined, and what of the updates a cycle had not collected yet")
	assert.GreaterOrEqual(t, missing, float64(len(s.joined)))
	assert.Less(t, whole, 5*missing)
	assert.Empty(t, s.dir.LogMessages("error"))
}

// The same while the appliance does wrong all that the fault matrix knows.
func TestSweepsUnderFaults(t *testing.T) {
	t.Parallel()
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(faults)), func(name string) bool {
		// Faults of the start mean nothing here, and others take the whole machine.
		spec := faults[name].spec
		return spec == "" || strings.HasPrefix(spec, "token/") || strings.Contains(spec, "endless") || strings.Contains(spec, "oversized")
	})
	for part := range slices.Chunk(names, (len(names)+2)/3) {
		t.Run(part[0]+" and others", func(t *testing.T) {
			t.Parallel()
			s := startSwept(t, map[string]any{
				"request.timeout": "1s", "request.retry": map[string]any{"max_attempts": 2, "wait_min": "10ms", "wait_max": "20ms"},
			})
			for _, name := range part {
				s.change(changed / 40)
				require.NoError(t, s.sim.Inject(faults[name].spec), name)
				deadline := time.Now().Add(2 * time.Second)
				s.beat.Eventually("the end of "+name, func() bool { return len(s.sim.PendingFaults()) == 0 || time.Now().After(deadline) })
				s.sim.ClearFaults()
			}
			s.equal()
			s.beat.Stop()
			t.Logf("%d sweeps counted.", len(s.sweeps()))
		})
	}
}

// An input whose known indicators can't be read collects all the same, and says so.
func TestKnownIndicatorsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	sim := startAppliance(t, tidy(100))
	dir := beattest.NewDir(t)
	settings := map[string]any{"threatqbeat.inputs": []any{sim.input("one", nil)}}
	get := withEndpoint(t, dir, settings)
	dir.Configure(settings)
	beat := dir.Start("run")
	beat.Eventually("the collection", func() bool { return dir.Lines() == 100 })
	beat.Stop()
	names, err := filepath.Glob(dir.File("data", "registry", "known", "*.known"))
	require.NoError(t, err)
	require.Len(t, names, 1)
	require.NoError(t, os.Remove(names[0]))
	require.NoError(t, os.Mkdir(names[0], 0o700))

	sim.Touch(10)
	beat = dir.Start("run")
	beat.Eventually("the updates", func() bool { return dir.Lines() == 110 })
	beat.Eventually("the saved cursor", func() bool { return savedCursors(t, dir)["one"].Get("collected") == 110.0 })
	var root beattest.Event
	require.True(t, get("/", &root))
	assert.Equal(t, "degraded", root.Get("health.status"), "a saved cursor doesn't hide it")
	assert.Contains(t, root.Get("health.reason"), "there are no sweeps until the next start")
	messages := strings.Join(dir.LogMessages("error"), "\n")
	assert.Contains(t, messages, "The known indicators can't be read.")
	beat.Stop()
}

// More than max_removed leave: none is retired until somebody agrees, while the Beat runs.
func TestLeavesAreHeldBackUntilAccepted(t *testing.T) {
	t.Parallel()
	sim := startAppliance(t, tidy(500))
	dir := beattest.NewDir(t)
	settings := map[string]any{"threatqbeat.inputs": []any{sim.input("one", map[string]any{
		"reconcile": map[string]any{"interval": "1s", "max_removed": 100},
	})}}
	get := withEndpoint(t, dir, settings)
	dir.Configure(settings)
	beat := dir.Start("run")
	beat.Eventually("the collection", func() bool { return dir.Lines() == 500 })

	left := sim.Leave(101)
	var root beattest.Event
	beat.Eventually("the degraded health", func() bool { return get("/", &root) && root.Get("health.status") == "degraded" })
	assert.Contains(t, root.Get("health.reason"), "101 of 500 known indicators")
	assert.Contains(t, root.Get("health.reason"), "threatqbeat cursor accept --input one")
	assert.Equal(t, 500, dir.Lines(), "none is retired")
	output, code := dir.Run("cursor", "list")
	require.Zero(t, code, output)
	assert.Contains(t, output, "101")

	output, code = dir.Run("cursor", "accept", "--input", "one")
	require.Zero(t, code, output)
	beat.Eventually("the retired ones", func() bool { return dir.Lines() == 601 })
	beat.Eventually("the health", func() bool { return get("/", &root) && root.Get("health.status") == "healthy" })
	beat.Stop()
	for _, event := range dir.Events()[500:] {
		assert.Equal(t, retiredReason, event.Get("threatq.ioc_expiration_reason"))
		assert.Contains(t, left, int64(event.Get("threatq.id").(float64)))
	}
}

// Sweeps that end with SIGKILL, ten times at random moments.
func TestSweepsAreKilled(t *testing.T) {
	t.Parallel()
	s := startSwept(t, nil)
	seed := uint64(time.Now().UnixNano())
	t.Logf("Seed %d.", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 10 {
		s.change(changed / 10)
		time.Sleep(time.Duration(random.Int64N(int64(1500 * time.Millisecond))))
		s.beat.Kill()
		require.NotContains(t, s.beat.Output(), "panic")
		if random.IntN(2) == 0 {
			s.change(changed / 10)
		}
		s.beat = s.dir.Start("run")
	}
	s.equal()
	s.beat.Stop()
	for _, line := range s.dir.Logs() {
		assert.NotContains(t, fmt.Sprint(line["message"]), "damaged")
	}
}
