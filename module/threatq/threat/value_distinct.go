// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import "slices"

// manyValues is from how many values on a set finds doubles sooner than looking
// through the list does.
const manyValues = 16

// distinctList collects distinct strings in the order in which they come.
type distinctList struct {
	values []string
	// seen is nil until there are many values.
	seen map[string]struct{}
}

// newDistinct returns a list with room for n values.
func newDistinct(n int) distinctList {
	if n == 0 {
		return distinctList{}
	}
	return distinctList{values: make([]string, 0, n)}
}

func (l *distinctList) add(value string) {
	if l.seen == nil && len(l.values) >= manyValues {
		l.seen = make(map[string]struct{}, cap(l.values))
		for _, v := range l.values {
			l.seen[v] = struct{}{}
		}
	}
	if l.seen == nil {
		if !slices.Contains(l.values, value) {
			l.values = append(l.values, value)
		}
		return
	}
	if _, found := l.seen[value]; !found {
		l.seen[value] = struct{}{}
		l.values = append(l.values, value)
	}
}
