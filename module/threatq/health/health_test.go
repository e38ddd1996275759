// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// No source hides what another says, in whatever order they set and clear.
func TestTheWorstSourceCounts(t *testing.T) {
	var changes []Condition
	k := new(Board).Start("one")
	k.OnChange(func(c Condition) { changes = append(changes, c) })
	for _, step := range []struct {
		source Source
		state  State
		reason string
		want   Condition
	}{
		{Refused, Degraded, "1 refused", Condition{Degraded, Refused, "1 refused"}},
		{Cycle, Healthy, "", Condition{Degraded, Refused, "1 refused"}},
		{Output, Degraded, "unreachable", Condition{Degraded, Output, "unreachable"}},
		{Refused, Degraded, "2 refused", Condition{Degraded, Output, "unreachable"}},
		{Registry, Failed, "read-only", Condition{Failed, Registry, "read-only"}},
		{Output, Healthy, "ignored", Condition{Failed, Registry, "read-only"}},
		{Registry, Healthy, "", Condition{Degraded, Refused, "2 refused"}},
		{Refused, Healthy, "", Condition{}},
		{Refused, Healthy, "", Condition{}},
	} {
		k.Set(step.source, step.state, step.reason)
		assert.Equal(t, step.want, k.Worst(), "after %+v", step)
	}
	assert.Equal(t, []Condition{
		{Starting, Cycle, ""}, {Degraded, Refused, "1 refused"}, {Degraded, Output, "unreachable"},
		{Failed, Registry, "read-only"}, {Degraded, Refused, "2 refused"}, {},
	}, changes, "each change once, and no other call")
}

func TestConditionsOfAllSources(t *testing.T) {
	k := new(Board).Start("one")
	k.Set(Sweep, Degraded, "too many gone")
	k.Set(Registry, Failed, "read-only")
	text, err := json.Marshal(k.Conditions())
	require.NoError(t, err)
	assert.JSONEq(t, `[{"state":"failed","source":"registry","reason":"read-only"},
		{"state":"degraded","source":"sweep","reason":"too many gone"},
		{"state":"starting","source":"cycle"}]`, string(text))
}

func TestSummary(t *testing.T) {
	b := &Board{}
	summary := func() string {
		worst, inputs := b.Summary()
		return fmt.Sprintf("%s %s %d/%d/%d/%d", worst.State, worst.Reason, inputs[Healthy], inputs[Starting], inputs[Degraded], inputs[Failed])
	}
	assert.Equal(t, "starting  0/0/0/0", summary(), "no inputs")
	b.Shared().Set(Files, Degraded, "in.yml:3")
	assert.Equal(t, "degraded in.yml:3 0/0/0/0", summary())
	assert.Equal(t, Condition{Degraded, Files, "in.yml:3"}, b.WorstOf(Files))
	b.Shared().Clear(Files)

	one, two := b.Start("one"), b.Start("two")
	one.Clear(Cycle)
	assert.Equal(t, "starting  1/1/0/0", summary())
	two.Clear(Cycle)
	assert.Equal(t, "healthy  2/0/0/0", summary())
	two.Set(Output, Degraded, "two waits")
	one.Set(Output, Degraded, "one waits")
	for range 20 {
		assert.Equal(t, "degraded one waits 0/0/2/0", summary())
	}
	assert.Equal(t, Condition{Degraded, Output, "one waits"}, b.WorstOf(Output))
	assert.Equal(t, Condition{}, b.WorstOf(Cycle))

	again := b.Start("one")
	b.Stop("one", one)
	assert.Same(t, again, b.Of("one"), "another input has taken the id over")
	b.Stop("one", again)
	assert.Nil(t, b.Of("one"))
	assert.Equal(t, "degraded two waits 0/0/1/0", summary())
}

func TestInputThatDoesNotRun(t *testing.T) {
	b := &Board{}
	b.Of("one").Clear(Output)
	b.Stop("one", nil)
	assert.Equal(t, Condition{}, b.Of("one").Worst())
	assert.Nil(t, b.Of("one").Conditions())
}

func TestHealthFromManyGoroutines(t *testing.T) {
	b := &Board{}
	k := b.Start("one")
	last := Condition{}
	k.OnChange(func(c Condition) { last = c })
	var wg sync.WaitGroup
	for _, source := range []Source{Cycle, Sweep, Output, Refused, Registry, Files} {
		wg.Go(func() {
			for i := range 500 {
				b.Of("one").Set(source, States[i%len(States)], string(source))
				b.Summary()
				k.Conditions()
			}
			k.Clear(source)
		})
	}
	wg.Go(func() {
		for range 500 {
			b.Stop("other", b.Start("other"))
		}
	})
	wg.Wait()
	assert.Equal(t, Condition{}, last)
	assert.Equal(t, Condition{}, k.Worst())
}
