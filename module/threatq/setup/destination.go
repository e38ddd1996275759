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

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// destination is what the server has of the index of active indicators.
type destination struct {
	// current is the index behind the alias.
	current string
	// outdated says that current needs another mapping or other settings.
	outdated bool
	// mappings has the mapping of each index, by name.
	mappings map[string]assets.Body
}

const aliasAsset = "alias " + assets.Alias

// ensureDestination makes sure that an index of active indicators is behind the
// alias. It doesn't move it to a new mapping.
func (i *Installer) ensureDestination(ctx context.Context) (d destination, err error) {
	if d.mappings, err = i.mappings(ctx, "index of active indicators "+assets.DestIndexPrefix+"*", assets.DestIndexPrefix+"*"); err != nil {
		return d, err
	}
	var aliases map[string]struct {
		Aliases map[string]assets.Body `json:"aliases"`
	}
	if _, err := i.find(ctx, aliasAsset, "/_alias/"+assets.Alias, &aliases); err != nil {
		return d, err
	}
	behind := slices.Sorted(maps.Keys(aliases))
	switch len(behind) {
	case 0:
		if err := i.createDestination(ctx, &d); err != nil {
			return d, err
		}
	case 1:
		d.current = behind[0]
		if _, known := d.mappings[d.current]; !known {
			return d, &Error{
				Doing:  "checking " + aliasAsset,
				Cause:  fmt.Sprintf("it is on the index %s, which is not one of %s*", d.current, assets.DestIndexPrefix),
				Remedy: "Remove the alias from that index and run setup again.",
			}
		}
	default:
		return d, &Error{
			Doing:  "checking " + aliasAsset,
			Cause:  "it is on several indices, " + strings.Join(behind, " and "),
			Remedy: "Remove it from all but the one that the transform writes to, and run setup again.",
		}
	}
	template := object(assets.DestTemplate(i.server)["template"])
	have, want := d.mappings[d.current], object(template["mappings"])
	if assets.MetaManagedBy(have) != assets.ManagedBy {
		if conflict := conflictOf(have, want, ""); conflict != "" {
			return i.takeOver(ctx, d, conflict)
		}
	}
	switch judge(have, want, false) {
	case current:
		if len(behind) == 0 {
			break
		}
		if d.outdated, err = i.settingsDiffer(ctx, d.current, object(template["settings"])); err != nil {
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
	if len(behind) == 1 && !reflect.DeepEqual(aliases[d.current].Aliases[assets.Alias], assets.AliasProperties()) {
		// Adding what is there replaces its properties.
		if err := i.changeAliases(ctx, "updating", addAlias(d.current)); err != nil {
			return d, err
		}
		i.done(aliasAsset, Updated, "on "+d.current)
	}
	return d, nil
}

// settingsDiffer says whether an index has another codec than the template gives,
// which can't be changed in place, or a default pipeline: Fleet, removing an
// integration, sets one that doesn't exist, and the transform fails with it.
func (i *Installer) settingsDiffer(ctx context.Context, index string, want assets.Body) (bool, error) {
	var answer map[string]struct {
		Settings struct {
			Index struct {
				Codec    string  `json:"codec"`
				Pipeline *string `json:"default_pipeline"`
			} `json:"index"`
		} `json:"settings"`
	}
	_, err := i.find(ctx, "index "+index, "/"+index+"/_settings", &answer)
	have := answer[index].Settings.Index
	return have.Codec != object(want["index"])["codec"] || have.Pipeline != nil, err
}

// createDestination creates the first index together with its alias, or puts
// the alias back on the newest index.
func (i *Installer) createDestination(ctx context.Context, d *destination) error {
	numbers := numbersOf(d.mappings)
	switch len(numbers) {
	case 0:
		d.current = indexName(1)
		if err := i.createIndex(ctx, *d, assets.DestIndex()); err != nil {
			return err
		}
		i.done("index "+d.current, Created, "with "+aliasAsset)
	case 1:
		d.current = indexName(numbers[0])
		if err := i.changeAliases(ctx, "creating", addAlias(d.current)); err != nil {
			return err
		}
		i.done(aliasAsset, Created, "on "+d.current)
	default:
		return &Error{
			Doing:  "creating " + aliasAsset,
			Cause:  "there are several indices " + assets.DestIndexPrefix + "* and none has the alias",
			Remedy: "Delete all but the one that has the active indicators, and run setup again.",
		}
	}
	return nil
}

// createIndex creates the current index of d, makes sure that it got its mapping from
// our template, and adds that to d.
func (i *Installer) createIndex(ctx context.Context, d destination, body any) error {
	asset := "index " + d.current
	if err := i.send(ctx, "creating "+asset, "PUT /"+d.current, body); err != nil {
		return err
	}
	mappings, err := i.mappings(ctx, asset, d.current)
	if err != nil {
		return err
	}
	if assets.Hash(mappings[d.current]) != assets.DestMappingHash() {
		return &Error{
			Doing:  "creating " + asset,
			Cause:  "it didn't get the mapping of the index template " + assets.DestTemplateName,
			Remedy: "Look for another index template with a priority above 200 that matches it, and run setup with --index-management --transforms again.",
		}
	}
	maps.Copy(d.mappings, mappings)
	return nil
}

// moveDestination makes the next index, with the current mapping, fills it from
// the one behind the alias and moves the alias. The transforms stay stopped.
// undo goes back to the old index, for when no transform can be made to write to
// the new one.
//
// It never goes on with an index that an interrupted run made: the old one may
// have changed since, and the run's copying may still write to its own.
func (i *Installer) moveDestination(ctx context.Context, d destination, have transforms) (_ destination, undo func(), err error) {
	stopped, err := i.stopTransforms(ctx, have, have.running())
	defer func() {
		if err != nil {
			i.restart(ctx, stopped)
		}
	}()
	if err != nil {
		return d, nil, err
	}
	old := d.current
	d.current, d.outdated = d.next(), false
	if err := i.createIndex(ctx, d, nil); err != nil {
		return d, nil, err
	}
	i.done("index "+d.current, Created, "to replace "+old)
	copied, err := i.copyIndex(ctx, old, d.current)
	if err != nil {
		return d, nil, err
	}
	if err := i.moveAlias(ctx, old, d.current); err != nil {
		return d, nil, err
	}
	i.done(aliasAsset, Moved, fmt.Sprintf("from %s to %s, %s", old, d.current, english.Plural(copied, "indicator", "")))
	return d, func() { i.moveBack(context.WithoutCancel(ctx), d.current, old, stopped) }, nil
}

// moveAlias takes the alias from one index to another, in one request so that a
// search never sees none or both.
func (i *Installer) moveAlias(ctx context.Context, from, to string) error {
	remove := assets.Body{"remove": assets.Body{"index": from, "alias": assets.Alias}}
	return i.changeAliases(ctx, "moving", remove, addAlias(to))
}

// moveBack puts the alias back on the index that it was on, and starts those of
// the stopped transforms that write to it. It does nothing without such a one,
// or when a transform fills the new index after all.
func (i *Installer) moveBack(ctx context.Context, from, to string, stopped []string) {
	have, err := i.listTransforms(ctx)
	if err == nil {
		for _, t := range have {
			if t.dest() == from && t.active() {
				return
			}
		}
		stopped = slices.DeleteFunc(stopped, func(id string) bool { return have[id].dest() != to })
		if len(stopped) == 0 {
			return
		}
		err = i.moveAlias(ctx, from, to)
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
	doing := "filling from " + from + " index " + to
	// What the transform wrote last may not be searchable yet.
	if err := i.send(ctx, doing, "POST /"+from+"/_refresh", nil); err != nil {
		return 0, err
	}
	var started struct {
		Task string `json:"task"`
	}
	body := assets.Body{"source": assets.Body{"index": from}, "dest": assets.Body{"index": to}}
	if _, err := i.do(ctx, doing, "POST /_reindex?refresh=true&wait_for_completion=false", body, &started); err != nil {
		return 0, err
	}
	if err := i.awaitTask(ctx, doing, started.Task); err != nil {
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
			Doing:  doing,
			Cause:  fmt.Sprintf("only %s of %s arrived", humanize.Comma(int64(arrived)), english.Plural(there, "indicator", "")),
			Remedy: "The alias stays on " + from + ". Run setup again, which starts over with another index.",
		}
	}
	return arrived, nil
}

// awaitTask waits for the end of a reindex.
func (i *Installer) awaitTask(ctx context.Context, doing, task string) error {
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
		if _, err := i.do(ctx, doing, "GET /_tasks/"+task, nil, &answer); err != nil {
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
			cause = fmt.Sprintf("%s could not be copied, the first is %s: %s", english.Plural(len(f), "indicator", ""), f[0].ID, f[0].Cause.Reason)
		}
		if cause != "" {
			return false, &Error{
				Doing: doing, Cause: shorten(cause),
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
	for _, index := range slices.Sorted(maps.Keys(d.mappings)) {
		if _, numbered := indexNumber(index); !numbered || index == d.current || assets.MetaManagedBy(d.mappings[index]) != assets.ManagedBy {
			continue
		}
		asset := "index " + index
		if err := i.send(ctx, "removing "+asset, "DELETE /"+index, nil, http.StatusNotFound); err != nil {
			return err
		}
		i.done(asset, Removed, "replaced by "+d.current)
	}
	return nil
}

func (i *Installer) changeAliases(ctx context.Context, doing string, actions ...any) error {
	return i.send(ctx, doing+" "+aliasAsset, "POST /_aliases", assets.Body{"actions": actions})
}

func addAlias(index string) assets.Body {
	add := assets.AliasProperties()
	add["index"], add["alias"] = index, assets.Alias
	return assets.Body{"add": add}
}

func indexName(n int) string { return assets.DestIndexPrefix + strconv.Itoa(n) }

// indexNumber returns the number that name ends with; ok is false if it is no
// index of active indicators.
func indexNumber(name string) (n int, ok bool) {
	n, err := strconv.Atoi(strings.TrimPrefix(name, assets.DestIndexPrefix))
	return n, err == nil && n > 0 && indexName(n) == name
}

// numbersOf returns the numbers of indices of active indicators, sorted.
func numbersOf(mappings map[string]assets.Body) []int {
	var numbers []int
	for name := range mappings {
		if n, ok := indexNumber(name); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// next returns the name of the index after all that there are.
func (d destination) next() string {
	return indexName(slices.Max(append(numbersOf(d.mappings), 0)) + 1)
}
