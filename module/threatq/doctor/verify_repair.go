// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"fmt"

	"github.com/elastic/beats/v7/libbeat/beat"

	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// Publish publishes an event as the input of a target does.
type Publish func(target int, event beat.Event)

// Repair publishes the indicators that the comparison found missing, older, or
// under the alias though they have expired: the transform then brings the alias in
// line. It returns how many. Only the pages on which they stood are read again; an
// indicator that has left its page meanwhile is not found.
func (v *Verifier) Repair(ctx context.Context, found *Comparison, publish Publish) (int, error) {
	published := 0
	for n, c := range v.collections {
		wanted := map[registry.Indicator]bool{}
		for _, f := range found.Findings {
			if f.Input == n {
				wanted[f.Indicator] = true
			}
		}
		for _, mark := range c.pages {
			if len(wanted) == 0 {
				break
			}
			page, err := c.client.Page(ctx, mark)
			if err != nil {
				page.Release()
				return published, fmt.Errorf("reading what is to be repaired from the data collection of input %q: %w", c.input.ID, err)
			}
			for _, raw := range page.Indicators {
				brief, err := c.mapper.Brief(raw, v.Now())
				if err != nil || !wanted[brief.Indicator] {
					continue
				}
				// An indicator whose identifiers can be read can be mapped.
				event, _ := c.mapper.Event(raw, v.Now())
				publish(n, event)
				delete(wanted, brief.Indicator)
				published++
			}
			page.Release()
		}
	}
	return published, nil
}

// RetireForeign publishes the event that retires an indicator for each one that the
// comparison found to be in none of the data collections, as the first target's
// input. It returns how many; a document without identifiers can't be retired.
func (v *Verifier) RetireForeign(found *Comparison, publish Publish) int {
	published := 0
	for _, f := range found.Findings {
		if f.Difference == Foreign && f.Indicator.Named() {
			publish(0, v.collections[0].mapper.Retired(f.Indicator, v.Now()))
			published++
		}
	}
	return published
}
