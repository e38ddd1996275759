// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// destination is what the server has of the index of active indicators.
type destination struct {
	// current is the index behind the alias.
	current string
	// outdated says that current needs another mapping or other settings.
	outdated bool
	// metas has an object with the mapping's _meta of each index, by name.
	metas map[string]assets.Body
}

const aliasAsset = "alias " + assets.Alias

// ensureDestination makes sure that an index of active indicators is behind the
// alias. It doesn't move it to a new mapping.
func (i *Installer) ensureDestination(ctx context.Context) (destination, error) {
	const asset = "index of active indicators " + assets.DestIndexPrefix + "*"
	var d destination
	metas, err := i.mappingMetas(ctx, asset, privDest, assets.DestIndexPrefix+"*")
	if err != nil {
		return d, err
	}
	d.metas = metas
	var aliases map[string]struct {
		Aliases map[string]assets.Body `json:"aliases"`
	}
	if _, err := i.find(ctx, aliasAsset, privDest, "/_alias/"+assets.Alias, &aliases); err != nil {
		return d, err
	}
	behind := slices.Sorted(maps.Keys(aliases))
	properties := assets.AliasProperties()
	switch len(behind) {
	case 0:
		if d.current, err = i.createDestination(ctx, metas, properties); err != nil {
			return d, err
		}
	case 1:
		d.current = behind[0]
		if _, known := metas[d.current]; !known {
			return d, &Error{
				Kind: KindForeign, Asset: aliasAsset, Doing: "checking",
				Cause:  fmt.Sprintf("it is on the index %s, which is not one of %s*", d.current, assets.DestIndexPrefix),
				Remedy: "Remove the alias from that index and run setup again.",
			}
		}
	default:
		return d, &Error{
			Kind: KindForeign, Asset: aliasAsset, Doing: "checking",
			Cause:  "it is on several indices, " + strings.Join(behind, " and "),
			Remedy: "Remove it from all but the one that the transform writes to, and run setup again.",
		}
	}
	template := assets.DestTemplate(i.server)
	want := object(object(template["template"])["mappings"])
	if assets.MetaManagedBy(metas[d.current]) != assets.ManagedBy {
		conflict, err := i.mappingConflicts(ctx, d.current, want)
		if err != nil {
			return d, err
		}
		if conflict != "" {
			return i.takeOver(ctx, d, conflict, properties)
		}
	}
	switch judge(metas[d.current], want, replaceDifferent) {
	case current:
		if len(behind) == 0 {
			break
		}
		if d.outdated, err = i.settingsDiffer(ctx, d.current, template); err != nil {
			return d, err
		}
		if !d.outdated {
			i.done("index "+d.current, Unchanged, "")
		}
	case newer:
		i.done("index "+d.current, Kept, "a newer version made it")
	default:
		d.outdated = true
	}
	if len(behind) == 1 && !reflect.DeepEqual(aliases[d.current].Aliases[assets.Alias], properties) {
		// Adding what is there replaces its properties.
		if err := i.changeAliases(ctx, "updating", addAlias(d.current, properties)); err != nil {
			return d, err
		}
		i.done(aliasAsset, Updated, "on "+d.current)
	}
	return d, nil
}

// settingsDiffer says whether an index has another codec than the template gives,
// which can't be changed in place, or a default pipeline: Fleet, removing an
// integration, sets one that doesn't exist, and the transform fails with it.
func (i *Installer) settingsDiffer(ctx context.Context, index string, template assets.Body) (bool, error) {
	var answer map[string]struct {
		Settings struct {
			Index struct {
				Codec    string  `json:"codec"`
				Pipeline *string `json:"default_pipeline"`
			} `json:"index"`
		} `json:"settings"`
	}
	if _, err := i.find(ctx, "index "+index, privDest, "/"+index+"/_settings", &answer); err != nil {
		return false, err
	}
	have := answer[index].Settings.Index
	want := object(object(object(template["template"])["settings"])["index"])["codec"]
	return have.Codec != want || have.Pipeline != nil, nil
}

// createDestination creates the first index together with its alias, or puts
// the alias back on the newest index. It adds what it creates to metas.
func (i *Installer) createDestination(ctx context.Context, metas map[string]assets.Body, properties assets.Body) (string, error) {
	if numbers := numbersOf(metas); len(numbers) > 1 {
		return "", &Error{
			Kind: KindForeign, Asset: aliasAsset, Doing: "creating",
			Cause:  "there are several indices " + assets.DestIndexPrefix + "* and none has the alias",
			Remedy: "Delete all but the one that has the active indicators, and run setup again.",
		}
	} else if len(numbers) == 1 {
		index := indexName(numbers[0])
		if err := i.changeAliases(ctx, "creating", addAlias(index, properties)); err != nil {
			return "", err
		}
		i.done(aliasAsset, Created, "on "+index)
		return index, nil
	}
	index := indexName(1)
	body := assets.DestIndex()
	meta, err := i.createIndex(ctx, index, body)
	if err != nil {
		return "", err
	}
	metas[index] = meta
	i.done("index "+index, Created, "with "+aliasAsset)
	return index, nil
}

// createIndex creates an index and makes sure that it got its mapping from our
// template. It returns an object with the mapping's _meta.
func (i *Installer) createIndex(ctx context.Context, index string, body any) (assets.Body, error) {
	asset := "index " + index
	if err := i.send(ctx, "creating", asset, privDest, "PUT /"+index, body); err != nil {
		return nil, err
	}
	metas, err := i.mappingMetas(ctx, asset, privDest, index)
	if err != nil {
		return nil, err
	}
	want := assets.DestMappingHash()
	if got := assets.Hash(metas[index]); got != want {
		return nil, &Error{
			Kind: KindServer, Asset: asset, Doing: "creating",
			Cause:  "it didn't get the mapping of the index template " + assets.DestTemplateName,
			Remedy: "Look for another index template with a priority above 200 that matches it, and run setup with --index-management --transforms again.",
		}
	}
	return metas[index], nil
}

// moveDestination makes the next index, with the current mapping, fills it from
// the one behind the alias and moves the alias. The transforms stay stopped.
// undo goes back to the old index, for when no transform can be made to write to
// the new one.
//
// It never goes on with an index that an interrupted run made: the old one may
// have changed since, and the run's copying may still write to its own.
func (i *Installer) moveDestination(ctx context.Context, d destination, have transforms) (_ destination, undo func(), err error) {
	stopped, err := i.stopTransforms(ctx, have, have.running()...)
	defer func() {
		if err != nil {
			i.restart(ctx, stopped)
		}
	}()
	if err != nil {
		return d, nil, err
	}
	old, next := d.current, indexName(slices.Max(append(numbersOf(d.metas), 0))+1)
	meta, err := i.createIndex(ctx, next, nil)
	if err != nil {
		return d, nil, err
	}
	i.done("index "+next, Created, "to replace "+old)
	copied, err := i.copyIndex(ctx, old, next)
	if err != nil {
		return d, nil, err
	}
	properties := assets.AliasProperties()
	if err := i.moveAlias(ctx, old, next, properties); err != nil {
		return d, nil, err
	}
	i.done(aliasAsset, Moved, fmt.Sprintf("from %s to %s, %s", old, next, plural(copied, "indicator")))

	metas := maps.Clone(d.metas)
	metas[next] = meta
	undo = func() { i.moveBack(context.WithoutCancel(ctx), next, old, properties, stopped) }
	return destination{current: next, metas: metas}, undo, nil
}

// moveAlias takes the alias from one index to another, in one request so that a
// search never sees none or both.
func (i *Installer) moveAlias(ctx context.Context, from, to string, properties assets.Body) error {
	remove := assets.Body{"remove": assets.Body{"index": from, "alias": assets.Alias}}
	return i.changeAliases(ctx, "moving", remove, addAlias(to, properties))
}

// moveBack puts the alias back on the index that it was on, and starts those of
// the stopped transforms that write to it. It does nothing without such a one,
// or when a transform fills the new index after all.
func (i *Installer) moveBack(ctx context.Context, from, to string, properties assets.Body, stopped []string) {
	have, err := i.listTransforms(ctx)
	if err == nil {
		for id, config := range have.configs {
			if destOf(config) == from && have.states[id].active() {
				return
			}
		}
		stopped = slices.DeleteFunc(stopped, func(id string) bool { return destOf(have.configs[id]) != to })
		if len(stopped) == 0 {
			return
		}
		err = i.moveAlias(ctx, from, to, properties)
	}
	if err != nil {
		i.log.Warnw("The alias could not be moved back. It answers, but nothing new arrives until setup succeeds.", "error", err)
		return
	}
	i.done(aliasAsset, Moved, "back to "+to)
	i.restart(ctx, stopped)
}

// copyIndex copies all documents and returns how many there are.
func (i *Installer) copyIndex(ctx context.Context, from, to string) (int, error) {
	asset := "index " + to
	doing := "filling from " + from
	// What the transform wrote last may not be searchable yet.
	if err := i.send(ctx, doing, asset, privDest, "POST /"+from+"/_refresh", nil); err != nil {
		return 0, err
	}
	var started struct {
		Task string `json:"task"`
	}
	if _, err := i.do(ctx, Request{
		Doing: doing, Asset: asset, Privilege: privReindex,
		Method: http.MethodPost, Path: "/_reindex",
		Params: map[string]string{"wait_for_completion": "false", "refresh": "true"},
		Body: assets.Body{
			"source": assets.Body{"index": from},
			"dest":   assets.Body{"index": to},
		},
	}, &started); err != nil {
		return 0, err
	}
	if err := i.awaitTask(ctx, doing, asset, started.Task); err != nil {
		return 0, err
	}
	there, err := i.count(ctx, "the indicators", from, nil)
	if err != nil {
		return 0, err
	}
	arrived, err := i.count(ctx, "the indicators", to, nil)
	if err != nil {
		return 0, err
	}
	if arrived < there {
		return 0, &Error{
			Kind: KindServer, Asset: asset, Doing: doing,
			Cause:  fmt.Sprintf("only %d of %s arrived", arrived, plural(there, "indicator")),
			Remedy: "The alias stays on " + from + ". Run setup again, which starts over with another index.",
		}
	}
	return arrived, nil
}

// awaitTask waits for the end of a reindex.
func (i *Installer) awaitTask(ctx context.Context, doing, asset, task string) error {
	_, err := i.poll(ctx, 0, func() (bool, error) {
		var answer struct {
			Completed bool `json:"completed"`
			Task      struct {
				Status struct {
					Total   int `json:"total"`
					Created int `json:"created"`
				} `json:"status"`
			} `json:"task"`
			Error    assets.Body `json:"error"`
			Response struct {
				Failures []struct {
					ID    string `json:"id"`
					Cause struct {
						Reason string `json:"reason"`
					} `json:"cause"`
				} `json:"failures"`
			} `json:"response"`
		}
		if _, err := i.do(ctx, Request{
			Doing: doing, Asset: asset, Privilege: privMonitor,
			Method: http.MethodGet, Path: "/_tasks/" + task,
		}, &answer); err != nil {
			return false, err
		}
		i.log.Debugw("Copying indicators.", "task", task, "total", answer.Task.Status.Total, "copied", answer.Task.Status.Created)
		if !answer.Completed {
			return false, nil
		}
		cause := ""
		if answer.Error != nil {
			cause = fmt.Sprintf("%v: %v", answer.Error["type"], answer.Error["reason"])
		} else if f := answer.Response.Failures; len(f) > 0 {
			cause = fmt.Sprintf("%s could not be copied, the first is %s: %s", plural(len(f), "indicator"), f[0].ID, f[0].Cause.Reason)
		}
		if cause != "" {
			return false, &Error{
				Kind: KindServer, Asset: asset, Doing: doing, Cause: shorten(cause),
				Remedy: "The alias stays on the old index, which still works. Correct the cause and run setup again.",
			}
		}
		return true, nil
	})
	return err
}

// removeLeftovers deletes the indices that are not behind the alias any more, or
// never were, if we made them.
func (i *Installer) removeLeftovers(ctx context.Context, d destination) error {
	for _, index := range slices.Sorted(maps.Keys(d.metas)) {
		if index == d.current || assets.MetaManagedBy(d.metas[index]) != assets.ManagedBy {
			continue
		}
		if _, ok := indexNumber(index); !ok {
			continue
		}
		asset := "index " + index
		if err := i.send(ctx, "removing", asset, privDest, "DELETE /"+index, nil, http.StatusNotFound); err != nil {
			return err
		}
		i.done(asset, Removed, "replaced by "+d.current)
	}
	return nil
}

func (i *Installer) changeAliases(ctx context.Context, doing string, actions ...any) error {
	return i.send(ctx, doing, aliasAsset, privDest, "POST /_aliases", assets.Body{"actions": actions})
}

func addAlias(index string, properties assets.Body) assets.Body {
	add := maps.Clone(properties)
	add["index"], add["alias"] = index, assets.Alias
	return assets.Body{"add": add}
}

func indexName(n int) string { return assets.DestIndexPrefix + strconv.Itoa(n) }

// indexNumber returns the number that name ends with; ok is false if it is no
// index of active indicators.
func indexNumber(name string) (n int, ok bool) {
	suffix, ok := strings.CutPrefix(name, assets.DestIndexPrefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(suffix)
	return n, err == nil && n > 0 && indexName(n) == name
}

func numbersOf(metas map[string]assets.Body) []int {
	var numbers []int
	for name := range metas {
		if n, ok := indexNumber(name); ok {
			numbers = append(numbers, n)
		}
	}
	return numbers
}
