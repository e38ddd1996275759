// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"sync"
	"time"
)

// entry is what differs from the computed indicator of an index.
type entry struct {
	variant
	removed  bool
	override *override // immutable; nil: as computed
}

// logEntry names an indicator that was changed, in the order of the cursor.
type logEntry struct {
	sec   int64
	index int
}

// item is an indicator to serve.
type item struct {
	index int
	entry
}

// collection is the order of a data collection. The indicators of the start come first, as computed; those that were
// changed or added since have an entry and a place in the log behind them.
type collection struct {
	gen generator
	now func() time.Time

	mu      sync.Mutex
	size    int // indices in use, those of removed indicators included
	removed int
	entries map[int]entry
	moved   []uint64   // a bit per index of the start: it has an entry
	log     []logEntry // sorted by (sec, index) below sorted; entries that moved on stay until the log is compacted
	sorted  int
	served  int64 // the latest updated_at that was served or whose mark was seen
	latest  int64 // the latest updated_at that was assigned
	changes uint64
	rng     rng
}

func newCollection(gen generator, now func() time.Time) *collection {
	return &collection{
		gen:     gen,
		now:     now,
		size:    int(gen.n),
		entries: make(map[int]entry),
		moved:   make([]uint64, (gen.n+63)/64),
		served:  gen.base - 1,
		latest:  gen.base,
		rng:     newRNG(gen.seed, 0, 99),
	}
}

func (c *collection) id(index int) int64 { return c.gen.firstID + int64(index) }

func (c *collection) isMoved(index int) bool { return c.moved[index>>6]&(1<<(index&63)) != 0 }

// find returns the index of an id that is in the collection.
func (c *collection) find(id int64) (int, error) {
	index := id - c.gen.firstID
	if index < 0 || index >= int64(c.size) || c.entries[int(index)].removed {
		return 0, fmt.Errorf("the collection holds no indicator with id %d", id)
	}
	return int(index), nil
}

// stamp returns the updated_at of a change that happens now: behind all that was served.
func (c *collection) stamp() int64 {
	c.latest = max(c.latest, c.now().Unix(), c.served+1)
	return c.latest
}

// change stores e for an index and moves it behind all that was served.
func (c *collection) change(index int, e entry, sec int64) {
	old, had := c.entries[index]
	e.sec = sec
	c.entries[index] = e
	if int64(index) < c.gen.n {
		c.moved[index>>6] |= 1 << (index & 63)
	}
	c.changes++
	if had && !old.removed && old.sec == sec {
		return // the same place as before
	}
	c.log = append(c.log, logEntry{sec, index})
}

// sortLog brings the changes since the last page into the order of the cursor.
func (c *collection) sortLog() {
	if c.sorted == len(c.log) {
		return
	}
	if len(c.log) > 2*len(c.entries)+1024 {
		live := c.log[:0]
		for _, l := range c.log {
			if c.isCurrent(l) {
				live = append(live, l)
			}
		}
		c.log, c.sorted = live, 0
	}
	// Changes are stamped in order, so only those of the last second that was sorted may have to move.
	from := c.sorted
	if from < len(c.log) {
		sec := c.log[from].sec
		from = sort.Search(from, func(i int) bool { return c.log[i].sec >= sec })
	}
	tail := c.log[from:]
	slices.SortFunc(tail, compareLog)
	c.sorted = len(c.log)
}

func (c *collection) isCurrent(l logEntry) bool {
	e := c.entries[l.index]
	return e.sec == l.sec && !e.removed
}

// page appends up to limit items that follow p, and returns the position of the last of them, the number of
// indicators in the collection, and the number of changes so far. It raises what counts as served accordingly.
func (c *collection) page(items []item, p position, limit int) (_ []item, last position, total int, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	items, last = c.after(items, p, limit)
	c.served = max(c.served, p.sec, last.sec)
	return items, last, c.size - c.removed, c.changes
}

// after appends up to limit items that follow p: those of the start that have no entry, merged with those of the log.
func (c *collection) after(items []item, p position, limit int) ([]item, position) {
	c.sortLog()
	n := int(c.gen.n)
	last, want := p, len(items)+limit
	add := func(index int, e entry) {
		items = append(items, item{index, e})
		last = position{e.sec, c.id(index)}
	}
	i := n
	if p.sec <= c.gen.base {
		i = sort.Search(n, func(i int) bool { return p.before(c.gen.baseSec(i), c.id(i)) })
	}
	j := sort.Search(len(c.log), func(j int) bool { return p.before(c.log[j].sec, c.id(c.log[j].index)) })
	for len(items) < want {
		for i < n && c.isMoved(i) {
			i++
		}
		for j < len(c.log) && !c.isCurrent(c.log[j]) {
			j++
		}
		switch {
		case i < n && (j == len(c.log) || position{c.gen.baseSec(i), c.id(i)}.before(c.log[j].sec, c.id(c.log[j].index))):
			add(i, entry{variant: variant{sec: c.gen.baseSec(i)}})
			i++
		case j < len(c.log):
			add(c.log[j].index, c.entries[c.log[j].index])
			j++
		default:
			return items, last
		}
	}
	return items, last
}

// changeCount returns the number of changes so far: the same number means the same content.
func (c *collection) changeCount() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changes
}

func (c *collection) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size - c.removed
}

// get returns the item of an index.
func (c *collection) get(index int) (item, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if index < 0 || index >= c.size {
		return item{}, false
	}
	e := c.entry(index)
	return item{index, e}, !e.removed
}

// update gives the indicators a new updated_at.
func (c *collection) update(ids []int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	indices := make([]int, len(ids))
	for i, id := range ids {
		index, err := c.find(id)
		if err != nil {
			return err
		}
		indices[i] = index
	}
	sec := c.stamp()
	for _, index := range indices {
		c.change(index, c.entries[index], sec)
	}
	return nil
}

// touch updates n indicators of the generator's choice and returns their ids. With drift, one in four of them draws
// a new state: status, score and expiry dates.
func (c *collection) touch(n int, drift bool) []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if min(n, c.size-c.removed) <= 0 {
		return nil
	}
	sec := c.stamp()
	return c.choose(n, func(index int) {
		e := c.entries[index]
		if drift && c.rng.oneIn(4) {
			e.state++
		}
		c.change(index, e, sec)
	})
}

// choose calls do for n different indicators, or for all when there are fewer, and returns their ids.
func (c *collection) choose(n int, do func(index int)) []int64 {
	n = min(n, c.size-c.removed)
	if n <= 0 {
		return nil
	}
	ids := make([]int64, 0, n)
	index, step := c.rng.intn(c.size), stride(c.size, &c.rng)
	for len(ids) < n {
		if !c.entries[index].removed {
			do(index)
			ids = append(ids, c.id(index))
		}
		index = (index + step) % c.size
	}
	return ids
}

// stride returns a step that visits each of n places once.
func stride(n int, r *rng) int {
	step := 1 + r.intn(n)
	for gcd(step, n) != 1 {
		step++
	}
	return step
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// put replaces the override of an indicator.
func (c *collection) put(id int64, change func(*override) *override) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	index, err := c.find(id)
	if err != nil {
		return err
	}
	e := c.entries[index]
	e.override = change(e.override)
	c.change(index, e, c.stamp())
	return nil
}

// add creates n indicators and returns their ids.
func (c *collection) add(n int) []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := make([]int64, 0, max(n, 0))
	sec := c.stamp()
	for range n {
		index := c.size
		c.size++
		c.change(index, entry{}, sec)
		ids = append(ids, c.id(index))
	}
	return ids
}

// remove takes the indicators out of the collection. They keep their places.
func (c *collection) remove(ids []int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		if _, err := c.find(id); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if index, err := c.find(id); err == nil { // not named twice
			c.take(index)
		}
	}
	return nil
}

func (c *collection) take(index int) {
	e := c.entry(index)
	e.removed = true
	c.set(index, e)
	c.removed++
}

// entry returns what is stored for an index, or would be.
func (c *collection) entry(index int) entry {
	e, ok := c.entries[index]
	if !ok {
		e.sec = c.gen.baseSec(index)
	}
	return e
}

// set stores an entry without giving it a place in the log.
func (c *collection) set(index int, e entry) {
	c.entries[index] = e
	if int64(index) < c.gen.n {
		c.moved[index>>6] |= 1 << (index & 63)
	}
	c.changes++
}

// leave takes n indicators of the generator's choice out of the collection.
func (c *collection) leave(n int) []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.choose(n, c.take)
}

// rejoin brings indicators back that were taken out, as they were and where they were.
func (c *collection) rejoin(ids []int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		index := id - c.gen.firstID
		if index < 0 || index >= int64(c.size) || !c.entries[int(index)].removed {
			return fmt.Errorf("no indicator with id %d has left the collection", id)
		}
	}
	c.sortLog()
	for _, id := range ids {
		index := int(id - c.gen.firstID)
		e := c.entries[index]
		if !e.removed {
			continue // named twice
		}
		e.removed = false
		c.removed--
		c.set(index, e)
		c.place(e.sec, index)
	}
	return nil
}

// place makes sure that the sorted log has a place.
func (c *collection) place(sec int64, index int) {
	at, found := slices.BinarySearchFunc(c.log, logEntry{sec, index}, compareLog)
	if !found {
		c.log = slices.Insert(c.log, at, logEntry{sec, index})
		c.sorted = len(c.log)
	}
}

func compareLog(a, b logEntry) int {
	return cmp.Or(cmp.Compare(a.sec, b.sec), cmp.Compare(a.index, b.index))
}

// join creates n indicators that were updated at some time in the history, as if the filter of the collection had been
// widened, and returns their ids.
func (c *collection) join(n int) []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sortLog()
	ids := make([]int64, 0, max(n, 0))
	for range n {
		index := c.size
		c.size++
		sec := c.gen.base - 1 - int64(c.rng.intn(int(c.gen.history)))
		c.set(index, entry{variant: variant{sec: sec}})
		c.place(sec, index)
		ids = append(ids, c.id(index))
	}
	return ids
}

// all returns the items of the collection as it is now, in the order of the cursor.
func (c *collection) all(yield func(item) bool) {
	const chunk = 1024
	snapshot := c.clone()
	items, p := make([]item, 0, chunk), startPosition
	for {
		items, p = snapshot.after(items[:0], p, chunk)
		for _, it := range items {
			if !yield(it) {
				return
			}
		}
		if len(items) < chunk {
			return
		}
	}
}

// clone returns a copy to read from.
func (c *collection) clone() *collection {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sortLog()
	return &collection{
		gen:     c.gen,
		size:    c.size,
		removed: c.removed,
		entries: maps.Clone(c.entries),
		moved:   slices.Clone(c.moved),
		log:     slices.Clone(c.log),
		sorted:  c.sorted,
	}
}
