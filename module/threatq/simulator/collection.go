// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"fmt"
	"slices"
	"sort"
	"sync"
	"time"
)

// entry is what differs from the computed indicator of an index.
type entry struct {
	sec      int64  // updated_at, Unix seconds
	state    uint32 // how often its state has changed since the start
	removed  bool
	override *override // immutable; nil: as computed
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
	log     []position // sorted; the places that an indicator has left stay until there are many
	fresh   []position // the places that are not yet in the log
	served  int64      // the latest updated_at that was served or whose mark was seen
	latest  int64      // the latest updated_at that was assigned
	changes uint64     // the same number means the same content
	rng     rng
}

func newCollection(gen generator, now func() time.Time) *collection {
	return &collection{
		gen:     gen,
		now:     now,
		size:    int(gen.n),
		entries: make(map[int]entry),
		served:  gen.base - 1,
		latest:  gen.base,
		rng:     newRNG(gen.seed, 0, 99),
	}
}

func (c *collection) id(index int) int64 { return c.gen.firstID + int64(index) }

// find returns the index of an id that is in the collection, or that has left it.
func (c *collection) find(id int64, removed bool) (int, error) {
	index := id - c.gen.firstID
	if index >= 0 && index < int64(c.size) && c.entries[int(index)].removed == removed {
		return int(index), nil
	}
	if removed {
		return 0, fmt.Errorf("no indicator with id %d has left the collection", id)
	}
	return 0, fmt.Errorf("the collection holds no indicator with id %d", id)
}

// each calls do for the indices of all the ids, or for none when one of them is not there.
func (c *collection) each(ids []int64, removed bool, do func(index int)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		if _, err := c.find(id, removed); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if index, err := c.find(id, removed); err == nil { // an id may be there twice
			do(index)
		}
	}
	return nil
}

// stamp returns the updated_at of a change that happens now: behind all that was served.
func (c *collection) stamp() int64 {
	c.latest = max(c.latest, c.now().Unix(), c.served+1)
	return c.latest
}

// entry returns what is stored for an index, or would be.
func (c *collection) entry(index int) entry {
	e, ok := c.entries[index]
	if !ok {
		e.sec = c.gen.baseSec(index)
	}
	return e
}

// set stores an entry and gives it a place.
func (c *collection) set(index int, e entry) {
	c.entries[index] = e
	c.fresh = append(c.fresh, position{e.sec, c.id(index)})
	c.changes++
}

// order brings the fresh places into the log. Most changes come behind all that is there, so little is sorted again.
func (c *collection) order() {
	if len(c.fresh) == 0 {
		return
	}
	slices.SortFunc(c.fresh, position.compare)
	at, _ := slices.BinarySearchFunc(c.log, c.fresh[0], position.compare)
	c.log = append(c.log, c.fresh...)
	slices.SortFunc(c.log[at:], position.compare)
	c.log = append(c.log[:at], slices.Compact(c.log[at:])...)
	c.fresh = c.fresh[:0]
	if len(c.log) > 2*len(c.entries)+1024 {
		c.log = slices.DeleteFunc(c.log, func(p position) bool { return !c.isCurrent(p) })
	}
}

func (c *collection) isCurrent(p position) bool {
	e := c.entries[int(p.id-c.gen.firstID)]
	return e.sec == p.sec && !e.removed
}

// page returns up to limit items that follow p, the position of the last of them, and the number of indicators in the
// collection and of changes so far. It raises what counts as served accordingly.
func (c *collection) page(p position, limit int) (items []item, last position, total int, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	items, last = c.after(p, limit)
	c.served = max(c.served, p.sec, last.sec)
	return items, last, c.size - c.removed, c.changes
}

// after returns up to limit items that follow p: those of the start that have no entry, merged with those of the log.
func (c *collection) after(p position, limit int) (items []item, last position) {
	c.order()
	items = make([]item, 0, min(limit, c.size-c.removed))
	n := int(c.gen.n)
	start := func(i int) position { return position{c.gen.baseSec(i), c.id(i)} }
	i := sort.Search(n, func(i int) bool { return p.compare(start(i)) < 0 })
	j := sort.Search(len(c.log), func(j int) bool { return p.compare(c.log[j]) < 0 })
	for last = p; len(items) < limit; {
		for i < n && c.has(i) {
			i++
		}
		for j < len(c.log) && !c.isCurrent(c.log[j]) {
			j++
		}
		switch {
		case i < n && (j == len(c.log) || start(i).compare(c.log[j]) < 0):
			last = start(i)
			items = append(items, item{i, entry{sec: last.sec}})
			i++
		case j < len(c.log):
			last = c.log[j]
			index := int(last.id - c.gen.firstID)
			items = append(items, item{index, c.entries[index]})
			j++
		default:
			return items, last
		}
	}
	return items, last
}

func (c *collection) has(index int) bool {
	_, ok := c.entries[index]
	return ok
}

// changeCount returns the number of changes so far.
func (c *collection) changeCount() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changes
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

// all returns the items of the collection as it is now, in the order of the cursor.
func (c *collection) all() []item {
	c.mu.Lock()
	defer c.mu.Unlock()
	items, _ := c.after(startPosition, c.size)
	return items
}

// touch updates n indicators of the generator's choice and returns their ids. With drift, one in four of them draws
// a new state: status, score and expiry dates.
func (c *collection) touch(n int, drift bool) []int64 {
	return c.choose(n, func(index int) {
		e := c.entries[index]
		if drift && c.rng.oneIn(4) {
			e.state++
		}
		e.sec = c.stamp()
		c.set(index, e)
	})
}

// choose calls do for n different indicators, or for all when there are fewer, and returns their ids.
func (c *collection) choose(n int, do func(index int)) []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
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

// put replaces the override of an indicator and updates it.
func (c *collection) put(id int64, change func(*override) *override) error {
	return c.each([]int64{id}, false, func(index int) {
		e := c.entries[index]
		e.override, e.sec = change(e.override), c.stamp()
		c.set(index, e)
	})
}

// grow creates n indicators that were last updated then, and returns their ids.
func (c *collection) grow(n int, sec func() int64) []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := make([]int64, 0, max(n, 0))
	for range n {
		c.set(c.size, entry{sec: sec()})
		ids = append(ids, c.id(c.size))
		c.size++
	}
	return ids
}

// setRemoved says of an indicator whether it has left the collection. It keeps its place.
func (c *collection) setRemoved(index int, removed bool) {
	e := c.entry(index)
	e.removed = removed
	c.set(index, e)
	if removed {
		c.removed++
	} else {
		c.removed--
	}
}
