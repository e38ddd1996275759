// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

// Package health keeps the health of the inputs. It is the only keeper: what the HTTP
// endpoint, the inputs' metrics, Elastic Agent and its diagnostics show of an
// input's health is read from here.
//
// An input's health has several independent sources. Each sets its own state with
// a reason and clears it when nothing is wrong any more; none can hide another's.
// The worst state counts, with the reason of the source that set it.
package health

import (
	"cmp"
	"maps"
	"slices"
	"sync"
)

// State is the health of an input or of one of its sources. A greater state is worse.
type State int

const (
	// Healthy: nothing is wrong.
	Healthy State = iota
	// Starting: nothing has been collected yet, and nothing has failed.
	Starting
	// Degraded: something is wrong, and is tried again.
	Degraded
	// Failed: something is wrong that ends the input.
	Failed
)

// States are all states, from the best to the worst.
var States = []State{Healthy, Starting, Degraded, Failed}

// String returns the state's name in documents and metrics.
func (s State) String() string { return [...]string{"healthy", "starting", "degraded", "failed"}[s] }

// MarshalText returns the state's name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Source is what a state comes from.
type Source string

const (
	// Cycle is the collecting itself: the appliance and its answers.
	Cycle Source = "cycle"
	// Sweep is the comparison of the data collection with the known indicators.
	Sweep Source = "sweep"
	// Output is the delivery to the output: it is unreachable, acknowledges
	// nothing, or refuses until somebody has mended something.
	Output Source = "output"
	// Refused is the documents that the output refused for their content.
	Refused Source = "refused"
	// Registry is the keeping of cursors on disk.
	Registry Source = "registry"
	// Known is the keeping of known indicators on disk.
	Known Source = "known"
	// Files is the files of inputs that threatqbeat.config.inputs names.
	Files Source = "files"
)

// Condition is a state, its source and the reason. A healthy condition has
// neither source nor reason.
type Condition struct {
	State  State  `json:"state"`
	Source Source `json:"source,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Keeper keeps the health of one input, or of what the inputs share. Its methods
// may be called from any goroutine. A nil Keeper keeps nothing.
type Keeper struct {
	mu      sync.Mutex
	sources map[Source]Condition
	changed func(Condition)
}

// Set sets the state of a source. The reason says what is wrong and what to do,
// in one line without secrets.
func (k *Keeper) Set(source Source, state State, reason string) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	before := k.worst()
	if state == Healthy {
		delete(k.sources, source)
	} else {
		if k.sources == nil {
			k.sources = map[Source]Condition{}
		}
		k.sources[source] = Condition{State: state, Source: source, Reason: reason}
	}
	if now := k.worst(); now != before && k.changed != nil {
		k.changed(now)
	}
}

// Clear says that nothing is wrong with a source.
func (k *Keeper) Clear(source Source) { k.Set(source, Healthy, "") }

// OnChange has f called with the worst condition now, and whenever it changes. The
// calls come one at a time and in order. f must not block or call the keeper.
func (k *Keeper) OnChange(f func(Condition)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.changed = f
	f(k.worst())
}

// Worst returns the worst condition of all sources. Of two equal ones it is that of
// the source whose name comes first.
func (k *Keeper) Worst() Condition {
	if k == nil {
		return Condition{}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.worst()
}

func (k *Keeper) worst() Condition {
	if list := k.conditions(); len(list) > 0 {
		return list[0]
	}
	return Condition{}
}

// Conditions returns the condition of each source that isn't healthy, the worst
// first.
func (k *Keeper) Conditions() []Condition {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.conditions()
}

func (k *Keeper) conditions() []Condition {
	return slices.SortedFunc(maps.Values(k.sources), func(a, b Condition) int {
		return cmp.Or(cmp.Compare(b.State, a.State), cmp.Compare(a.Source, b.Source))
	})
}

// of returns the condition of one source.
func (k *Keeper) of(source Source) Condition {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sources[source]
}

// Board has the keepers of all inputs that run, and one of what they share. Its
// methods may be called from any goroutine.
type Board struct {
	shared Keeper
	mu     sync.Mutex
	inputs map[string]*Keeper
}

// Shared returns the keeper of what belongs to the beat and to no single input,
// such as the files of inputs.
func (b *Board) Shared() *Keeper { return &b.shared }

// Start returns the keeper of an input that starts. Its cycle is starting.
func (b *Board) Start(inputID string) *Keeper {
	k := &Keeper{}
	k.Set(Cycle, Starting, "")
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inputs == nil {
		b.inputs = map[string]*Keeper{}
	}
	b.inputs[inputID] = k
	return k
}

// Stop forgets the keeper of an input that stops, unless another input has taken
// the id over.
func (b *Board) Stop(inputID string, k *Keeper) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inputs[inputID] == k {
		delete(b.inputs, inputID)
	}
}

// Of returns the keeper of an input, nil when it doesn't run.
func (b *Board) Of(inputID string) *Keeper {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.inputs[inputID]
}

// WorstOf returns the worst condition of one source, over all inputs and what they
// share. Of several equal ones it is that of the input whose id comes first.
func (b *Board) WorstOf(source Source) (worst Condition) {
	worst, _ = b.fold(func(k *Keeper) Condition { return k.of(source) })
	return worst
}

// Summary returns the worst condition of all inputs and of what they share, and how
// many inputs there are in each state. A beat without inputs is starting.
func (b *Board) Summary() (worst Condition, inputs map[State]int) {
	worst, inputs = b.fold((*Keeper).Worst)
	if len(inputs) == 0 && worst.State < Starting {
		worst = Condition{State: Starting}
	}
	return worst, inputs
}

// fold returns the worst of a condition of each keeper, and how many inputs there are
// in each state of it.
func (b *Board) fold(of func(*Keeper) Condition) (worst Condition, inputs map[State]int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	worst, inputs = of(&b.shared), map[State]int{}
	for _, id := range slices.Sorted(maps.Keys(b.inputs)) {
		condition := of(b.inputs[id])
		inputs[condition.State]++
		if condition.State > worst.State {
			worst = condition
		}
	}
	return worst, inputs
}
