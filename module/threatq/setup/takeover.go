// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// conflictOf returns a field that is an object in one mapping and none in the other:
// with it, documents can't be copied. "" is none.
func conflictOf(have, want assets.Body, prefix string) string {
	theirs, ours := object(have["properties"]), object(want["properties"])
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		h, w := object(theirs[name]), object(ours[name])
		if h == nil {
			continue
		}
		if (h["properties"] == nil) != (w["properties"] == nil) {
			return prefix + name
		}
		if conflict := conflictOf(h, w, prefix+name+"."); conflict != "" {
			return conflict
		}
	}
	return ""
}

// takeOver replaces an index of active indicators that an integration left and that
// can't be copied, because the field conflict has another type. The alias stays on it
// while the transform fills the next index, and moves in a later run, when that has
// about as many active indicators: a search never sees none.
func (i *Installer) takeOver(ctx context.Context, d destination, conflict string) (destination, error) {
	left := d.current
	d.current = ""
	for _, n := range numbersOf(d.mappings) {
		if assets.MetaManagedBy(d.mappings[indexName(n)]) == assets.ManagedBy {
			d.current = indexName(n)
		}
	}
	if d.current == "" {
		d.current = d.next()
		if err := i.createIndex(ctx, d, nil); err != nil {
			return d, err
		}
		i.done("index "+d.current, Created, fmt.Sprintf("to replace %s, which can't be copied: it has another type of %s", left, conflict))
	}
	unexpired := assets.AliasProperties()["filter"]
	theirs, err := i.count(ctx, "the active indicators", left, unexpired)
	if err != nil {
		return d, err
	}
	filled, err := i.count(ctx, "the active indicators", d.current, unexpired)
	if err != nil {
		return d, err
	}
	active, ours := english.Plural(theirs, "active indicator", ""), humanize.Comma(int64(filled))
	if filled*10 < theirs*9 || filled == 0 {
		i.done(aliasAsset, Kept, fmt.Sprintf("on %s with %s, because %s has %s so far. Run threatqbeat, and when its first collection is complete, setup again, which moves the alias",
			left, active, d.current, ours))
		return d, nil
	}
	if err := i.moveAlias(ctx, left, d.current); err != nil {
		return d, err
	}
	i.done(aliasAsset, Moved, fmt.Sprintf("from %s with %s to %s with %s. DELETE %s removes what was left", left, active, d.current, ours, left))
	return d, nil
}
