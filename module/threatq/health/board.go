// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"maps"
	"slices"
	"sync"
)

// Board has the keepers of all inputs that run, and one of what they share. Its
// methods may be called from any goroutine. A nil Board keeps nothing.
type Board struct {
	shared Keeper
	mu     sync.Mutex
	inputs map[string]*Keeper
}

// Shared returns the keeper of what belongs to the beat and to no single input,
// such as the files of inputs. It is nil when the board is.
func (b *Board) Shared() *Keeper {
	if b == nil {
		return nil
	}
	return &b.shared
}

// Start returns the keeper of an input that starts. Its cycle is starting.
func (b *Board) Start(inputID string) *Keeper {
	k := &Keeper{}
	k.Set(Cycle, Starting, "")
	if b == nil {
		return k
	}
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
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inputs[inputID] == k {
		delete(b.inputs, inputID)
	}
}

// Of returns the keeper of an input, nil when it doesn't run.
func (b *Board) Of(inputID string) *Keeper {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.inputs[inputID]
}

// WorstOf returns the worst condition of one source, over all inputs and what they
// share. Of several equal ones it is that of the input whose id comes first.
func (b *Board) WorstOf(source Source) Condition {
	if b == nil {
		return Condition{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	worst := b.shared.of(source)
	for _, id := range slices.Sorted(maps.Keys(b.inputs)) {
		if condition := b.inputs[id].of(source); condition.State > worst.State {
			worst = condition
		}
	}
	return worst
}

// Summary returns the worst condition of all inputs and of what they share, and how
// many inputs there are in each state. A beat without inputs is starting.
func (b *Board) Summary() (worst Condition, inputs map[State]int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	worst = b.shared.Worst()
	if len(b.inputs) == 0 && worst.State < Starting {
		worst = Condition{State: Starting}
	}
	inputs = map[State]int{}
	var first string
	for id, k := range b.inputs {
		condition := k.Worst()
		inputs[condition.State]++
		// Of several equal ones always the same is shown.
		if condition.State > worst.State || condition.State == worst.State && first != "" && id < first {
			worst, first = condition, id
		}
	}
	return worst, inputs
}
