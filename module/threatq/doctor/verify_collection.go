// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/client"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
	"github.com/threatqbeat/threatqbeat/module/threatq/threat"
)

// maxEmptyPages is how many pages without an indicator may follow each other.
const maxEmptyPages = 100

// collected is what Verify keeps of one indicator of a data collection.
type collected struct {
	registry.Indicator
	version registry.Version
	expires int64 // threatq.ioc_expired_at in Unix seconds
}

// collection reads the identifiers, versions and expirations of the indicators of
// an input's data collection.
type collection struct {
	input  config.Input
	client *client.Client
	mapper *threat.Mapper
	now    func() time.Time

	// indicators are sorted and distinct after read.
	indicators []collected
	// unreadable is how many indicators have no identifier that can be read.
	unreadable int
	// pages are the marks of the pages that hold one of the wanted indicators.
	pages []string
}

func newCollection(target Target, now func() time.Time) (*collection, error) {
	input := target.Input
	input.Request.Tracer.Enabled = false
	cl, err := client.New(input, target.Log, client.Options{UserAgent: target.UserAgent})
	if err != nil {
		return nil, fmt.Errorf("input %q: %w", input.ID, err)
	}
	return &collection{input: input, client: cl, mapper: threat.NewMapper(threat.MapperConfigOf(&input)), now: now}, nil
}

// read reads the whole data collection, and notes the pages on which one of wanted
// (sorted) stands. An error says that the collection could not be read to its end.
func (c *collection) read(ctx context.Context, wanted []registry.Indicator, progress func(read int)) error {
	c.indicators, c.unreadable, c.pages = c.indicators[:0], 0, nil
	marks, empty := map[string]bool{}, 0
	for mark := ""; ; {
		page, err := c.client.PageOf(ctx, mark, threat.BriefFields)
		if err != nil {
			page.Release()
			return fmt.Errorf("reading the data collection of input %q: %w", c.input.ID, err)
		}
		c.take(page, wanted)
		// An empty page whose mark advances is not the last, but there is an end to them.
		if empty++; len(page.Indicators) > 0 {
			empty = 0
		}
		last, total := page.Last(), page.Total
		mark = page.NextCursorMark
		page.Release()
		progress(len(c.indicators))
		if last {
			return c.finish(total)
		}
		if marks[mark] || empty > maxEmptyPages {
			return fmt.Errorf("reading the data collection of input %q: the appliance sends cursors in a circle, so that the collection has no end; check the appliance's search index", c.input.ID)
		}
		marks[mark] = true
	}
}

func (c *collection) take(page *client.Page, wanted []registry.Indicator) {
	hit := false
	for _, raw := range page.Indicators {
		brief, err := c.mapper.Brief(raw, c.now())
		if err != nil {
			c.unreadable++
			continue
		}
		c.indicators = append(c.indicators, collected{
			Indicator: brief.Indicator,
			version:   brief.Version,
			expires:   brief.ExpiredAt.Unix(),
		})
		if !hit {
			_, hit = slices.BinarySearchFunc(wanted, brief.Indicator, registry.Indicator.Compare)
		}
	}
	if hit {
		c.pages = append(c.pages, page.Mark)
	}
}

// finish sorts what was read. An indicator that was updated meanwhile was read
// twice: its latest version counts.
func (c *collection) finish(total int64) error {
	slices.SortFunc(c.indicators, func(a, b collected) int {
		return cmp.Or(a.Indicator.Compare(b.Indicator), cmp.Compare(b.version, a.version))
	})
	c.indicators = slices.CompactFunc(c.indicators, func(a, b collected) bool { return a.Indicator == b.Indicator })
	if read := int64(len(c.indicators) + c.unreadable); read < total {
		return fmt.Errorf("reading the data collection of input %q: the appliance says that it holds %d indicators and sent %d; try again when the appliance's search index is complete", c.input.ID, total, read)
	}
	return nil
}

// active returns how many of the indicators have not expired at now.
func (c *collection) active(now time.Time) int {
	n := 0
	for _, i := range c.indicators {
		if i.expires > now.Unix() {
			n++
		}
	}
	return n
}

// merged walks through the indicators of several collections in order, each
// indicator once.
type merged struct {
	from []*collection
	at   []int
}

func merge(collections []*collection) *merged {
	return &merged{from: collections, at: make([]int, len(collections))}
}

// next returns the next indicator, the index of the collection that it is in, and
// false at the end. Of an indicator that several collections hold, one that is
// active is returned, if there is one, and of those the latest version.
func (m *merged) next(now int64) (best collected, from int, ok bool) {
	from = -1
	for n, c := range m.from {
		if m.at[n] < len(c.indicators) && (from < 0 || c.indicators[m.at[n]].Indicator.Compare(best.Indicator) < 0) {
			best, from = c.indicators[m.at[n]], n
		}
	}
	if from < 0 {
		return collected{}, 0, false
	}
	for n, c := range m.from {
		if m.at[n] == len(c.indicators) || c.indicators[m.at[n]].Indicator != best.Indicator {
			continue
		}
		other := c.indicators[m.at[n]]
		m.at[n]++
		isActive, wasActive := other.expires > now, best.expires > now
		if isActive && !wasActive || isActive == wasActive && other.version > best.version {
			best, from = other, n
		}
	}
	return best, from, true
}
