// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// takeOver replaces the index of active indicators that an integration left, whose
// fields may have other types, so that it can't be copied. The alias stays on it
// while the transform fills the next index, and moves in a later run, when that has
// about as many active indicators: a search never sees none.
func (i *Installer) takeOver(ctx context.Context, d destination, owner string, properties assets.Body) (destination, error) {
	left := d.current
	var ours []int
	for name, meta := range d.metas {
		if n, ok := indexNumber(name); ok && assets.MetaManagedBy(meta) == assets.ManagedBy {
			ours = append(ours, n)
		}
	}
	if len(ours) == 0 {
		d.current = indexName(slices.Max(append(numbersOf(d.metas), 0)) + 1)
		meta, err := i.createIndex(ctx, d.current, nil)
		if err != nil {
			return d, err
		}
		d.metas[d.current] = meta
		i.done("index "+d.current, Created, fmt.Sprintf("to replace %s, which was left by %s", left, owner))
	} else {
		d.current = indexName(slices.Max(ours))
	}
	theirs, err := i.countActive(ctx, left)
	if err != nil {
		return d, err
	}
	filled, err := i.countActive(ctx, d.current)
	if err != nil {
		return d, err
	}
	if filled*10 < theirs*9 || filled == 0 {
		i.done(aliasAsset, Kept, fmt.Sprintf("on %s with %s, because %s has %d so far. Run threatqbeat, and when its first collection is complete, setup again, which moves the alias",
			left, plural(theirs, "active indicator"), d.current, filled))
		return d, nil
	}
	if err := i.moveAlias(ctx, left, d.current, properties); err != nil {
		return d, err
	}
	i.done(aliasAsset, Moved, fmt.Sprintf("from %s with %s to %s with %d. DELETE %s removes what was left", left, plural(theirs, "active indicator"), d.current, filled, left))
	return d, nil
}

// countActive returns how many indicators of an index have not expired.
func (i *Installer) countActive(ctx context.Context, index string) (int, error) {
	filter, err := assets.AliasProperties()
	if err != nil {
		return 0, err
	}
	var answer struct {
		Count int `json:"count"`
	}
	_, err = i.do(ctx, request{
		doing: "counting the active indicators of", asset: "index " + index, privilege: privReindex,
		method: http.MethodPost, path: "/" + index + "/_count", body: assets.Body{"query": filter["filter"]},
	}, &answer)
	return answer.Count, err
}
