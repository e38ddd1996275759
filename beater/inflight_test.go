// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beater

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/monitoring"
)

func TestInflightWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newInflight(monitoring.NewRegistry(), nil)
		assert.True(t, f.wait(time.Second), "nothing was published")

		for range 3 {
			f.AddEvent(beat.Event{}, true)
		}
		f.AddEvent(beat.Event{}, false) // dropped by a processor, never acknowledged
		start := time.Now()
		assert.False(t, f.wait(time.Second))
		assert.Equal(t, time.Second, time.Since(start))

		go func() {
			time.Sleep(2 * time.Second)
			f.ACKEvents(2)
			time.Sleep(time.Second)
			f.ACKEvents(1)
		}()
		start = time.Now()
		assert.True(t, f.wait(time.Minute))
		assert.InDelta(t, 3*time.Second, time.Since(start), float64(10*time.Millisecond))
		assert.Zero(t, f.active.Get())
	})
}

func TestInflightCountsFromManyGoroutines(t *testing.T) {
	var acknowledged sync.WaitGroup
	acknowledged.Add(8 * 1000)
	f := newInflight(monitoring.NewRegistry(), func(n int) { acknowledged.Add(-n) })
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				f.AddEvent(beat.Event{}, true)
				f.ACKEvents(1)
			}
		})
	}
	wg.Wait()
	acknowledged.Wait()
	assert.Zero(t, f.active.Get())
	assert.EqualValues(t, 8000, f.added.Get())
	assert.EqualValues(t, 8000, f.done.Get())
}

// Closing the pipeline stops the inputs first, and waits for them only as long
// as it may.
func TestDrainingPipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		inner := &closablePipeline{closed: func() { order = append(order, "pipeline") }}
		p := newDrainingPipeline(inner, func() { order = append(order, "inputs") }, time.Second)
		assert.NoError(t, p.Close())
		assert.Equal(t, []string{"inputs", "pipeline"}, order)
	})
}

// The inputs' store stays open until the pipeline is closed, but an output that
// hangs holds up nobody for longer than the limit.
func TestTheEndOfTheInputsWaitsForThePipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 3 * time.Second
		var p *drainingPipeline
		p = newDrainingPipeline(&closablePipeline{closed: func() { time.Sleep(time.Second) }}, func() { <-p.stopped }, limit)
		start := time.Now()
		p.inputsStopped()
		assert.Zero(t, time.Since(start), "nobody closes it")

		go func() { assert.NoError(t, p.Close()) }()
		synctest.Wait()
		p.inputsStopped()
		assert.Equal(t, time.Second, time.Since(start))

		hangs := newDrainingPipeline(&closablePipeline{closed: func() { time.Sleep(time.Hour) }}, func() {}, limit)
		go func() { _ = hangs.Close() }()
		synctest.Wait()
		start = time.Now()
		hangs.inputsStopped()
		assert.Equal(t, limit, time.Since(start))
		time.Sleep(time.Hour)
	})
}

type closablePipeline struct {
	beat.Pipeline
	closed func()
}

func (p *closablePipeline) Close() error {
	p.closed()
	return nil
}
