// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// mappingConflicts returns a field that is an object in the index and none in our
// mapping, or the other way around: with it, documents can't be copied. "" is none.
func (i *Installer) mappingConflicts(ctx context.Context, index string, want assets.Body) (string, error) {
	var answer map[string]struct {
		Mappings assets.Body `json:"mappings"`
	}
	if _, err := i.find(ctx, "index "+index, privDest, "/"+index+"/_mapping", &answer); err != nil {
		return "", err
	}
	return conflictOf(answer[index].Mappings, want, ""), nil
}

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
func (i *Installer) takeOver(ctx context.Context, d destination, conflict string, properties assets.Body) (destination, error) {
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
		i.done("index "+d.current, Created, fmt.Sprintf("to replace %s, which can't be copied: it has another type of %s", left, conflict))
	} else {
		d.current = indexName(slices.Max(ours))
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
