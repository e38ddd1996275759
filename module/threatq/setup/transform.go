// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// stopAttempts is how often to look whether a transform has stopped: about two
// minutes, because it finishes its page.
const stopAttempts = 60

// failAttempts is how often to look whether a transform that was started after it
// had failed fails again: about five seconds.
const failAttempts = 7

// transforms is what the server has of our transform, in all its versions.
type transforms struct {
	configs map[string]assets.Body // by id
	states  map[string]transformStats
	newer   string // the id of one that is newer than ours
}

// destOf returns the index that a transform writes to.
func destOf(config assets.Body) string {
	index, _ := object(config["dest"])["index"].(string)
	return index
}

// stopped says whether a transform does nothing.
func (t transforms) stopped(id string) bool { return t.states[id].State == "stopped" }

// running returns the ids of those that are not stopped.
func (t transforms) running() []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(t.configs)) {
		if !t.stopped(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// listTransforms reads our transforms, and refuses any other that writes to the
// same index.
func (i *Installer) listTransforms(ctx context.Context) (transforms, error) {
	t := transforms{}
	var err error
	if t.configs, err = i.writers(ctx); err != nil {
		return t, err
	}
	ours := assets.Version()
	for _, id := range slices.Sorted(maps.Keys(t.configs)) {
		version, named := strings.CutPrefix(id, assets.TransformPrefix)
		if owner := ownerOf(t.configs[id]); !named || owner != "" {
			return t, foreignWriter(id, owner)
		}
		if compareVersions(version, ours) > 0 {
			t.newer = id
		}
	}
	t.states, err = i.transformStats(ctx, slices.Sorted(maps.Keys(t.configs)))
	return t, err
}

// ensureTransform makes sure that the transform of this version, and no other,
// fills the index. After an error it starts again what it had stopped.
func (i *Installer) ensureTransform(ctx context.Context, dest string) (err error) {
	id := assets.TransformID()
	frequency, delay := timing(i.cfg.Transforms, i.server.Serverless)
	want := assets.Transform(i.server, assets.TransformOptions{
		DestIndex: dest, Frequency: frequency, SyncDelay: delay,
	})
	have, err := i.listTransforms(ctx)
	if err != nil {
		return err
	}
	asset := "transform " + id
	mine, exists := have.configs[id]
	changed := exists && assets.Hash(mine) != assets.Hash(want)
	others := maps.Clone(have.configs)
	delete(others, id)
	obsolete := slices.Sorted(maps.Keys(others))

	if exists && !changed && len(obsolete) == 0 && have.states[id].active() {
		i.done(asset, Unchanged, "")
		return nil
	}

	// The new one is created before the old one is stopped, because that is what a
	// server is most likely to refuse.
	action := Started
	if !exists {
		if err := i.putTransform(ctx, id, want); err != nil {
			return err
		}
		action = Created
	}
	var stop []string
	for _, other := range obsolete {
		if !have.stopped(other) {
			stop = append(stop, other)
		}
	}
	if exists && !have.stopped(id) && (changed || !have.states[id].active()) {
		stop = append(stop, id)
	}
	stopped, err := i.stopTransforms(ctx, have, stop...)
	defer func() {
		if err != nil {
			i.restart(ctx, stopped)
		}
	}()
	if err != nil {
		return err
	}
	if changed {
		if err := i.replaceTransform(ctx, id, mine, want); err != nil {
			return err
		}
		action = Updated
	}
	if !exists || changed || !have.states[id].active() {
		if err := i.startTransform(ctx, id); err != nil {
			return err
		}
	}
	stopped = nil // the new one runs, so nothing is started again from here on
	for _, other := range obsolete {
		if err := i.deleteTransform(ctx, other); err != nil {
			return err
		}
		i.done("transform "+other, Removed, "replaced by "+id)
	}
	detail := "and started"
	if action == Started {
		detail = ""
		if was := have.states[id].problem(); was != nil {
			detail = was.Cause
		}
	}
	i.done(asset, action, detail)
	return nil
}

// checkTransform looks whether the transform does its work, once setup has made or
// started it. One that failed may need a moment to fail again.
func (i *Installer) checkTransform(ctx context.Context, hadFailed bool) error {
	id := assets.TransformID()
	attempts := 1
	if hadFailed {
		attempts = failAttempts
	}
	var now transformStats
	if _, err := i.poll(ctx, attempts, func() (bool, error) {
		stats, err := i.transformStats(ctx, []string{id})
		now = stats[id]
		return !now.active(), err
	}); err != nil {
		return err
	}
	problem := now.problem()
	if problem == nil {
		return nil
	}
	if now.active() && now.Health.Status == "yellow" {
		i.done(problem.Asset, Unhealthy, problem.Cause+". "+problem.Remedy)
		return nil
	}
	return problem
}

func (i *Installer) putTransform(ctx context.Context, id string, body assets.Body) error {
	return i.send(ctx, "creating", "transform "+id, privTransform, "PUT /_transform/"+id, body)
}

// replaceTransform gives a stopped transform another configuration. What it
// groups by can't be changed in place, so such a change makes it anew.
func (i *Installer) replaceTransform(ctx context.Context, id string, have, want assets.Body) error {
	if !reflect.DeepEqual(have["latest"], want["latest"]) {
		if err := i.deleteTransform(ctx, id); err != nil {
			return err
		}
		err := i.putTransform(ctx, id, want)
		if err != nil {
			i.putBack(context.WithoutCancel(ctx), id, have)
		}
		return err
	}
	update := maps.Clone(want)
	delete(update, "latest")
	return i.send(ctx, "updating", "transform "+id, privTransform, "POST /_transform/"+id+"/_update", update)
}

// putBack creates a transform again as it was before it was deleted.
func (i *Installer) putBack(ctx context.Context, id string, was assets.Body) {
	body := maps.Clone(was)
	for _, servers := range []string{"id", "version", "create_time", "authorization"} {
		delete(body, servers)
	}
	if err := i.putTransform(ctx, id, body); err != nil {
		i.log.Warnw("The transform could not be created again. Run setup when the cause is corrected.", "transform", id, "error", err)
	}
}

func (i *Installer) startTransform(ctx context.Context, id string) error {
	const runsAlready = http.StatusConflict
	return i.send(ctx, "starting", "transform "+id, privTransform, "POST /_transform/"+id+"/_start", nil, runsAlready)
}

func (i *Installer) deleteTransform(ctx context.Context, id string) error {
	return i.send(ctx, "removing", "transform "+id, privTransform, "DELETE /_transform/"+id, nil, http.StatusNotFound)
}

// stopTransforms stops transforms and waits until they have. It returns those
// that it stopped or was about to, also with an error.
func (i *Installer) stopTransforms(ctx context.Context, have transforms, ids ...string) ([]string, error) {
	var stopped []string
	for _, id := range ids {
		asset := "transform " + id
		stopped = append(stopped, id)
		params := map[string]string{"wait_for_completion": "false"}
		if have.states[id].State == "failed" {
			params["force"] = "true"
		}
		if _, err := i.do(ctx, Request{
			Doing: "stopping", Asset: asset, Privilege: privTransform,
			Method: http.MethodPost, Path: "/_transform/" + id + "/_stop", Params: params,
		}, nil); err != nil {
			return stopped, err
		}
		state := ""
		done, err := i.poll(ctx, stopAttempts, func() (bool, error) {
			now, err := i.listTransforms(ctx)
			state = now.states[id].State
			return now.stopped(id), err
		})
		if err != nil {
			return stopped, err
		}
		if !done {
			return stopped, &Error{
				Kind: KindServer, Asset: asset, Doing: "stopping",
				Cause:  fmt.Sprintf("it is still %s after two minutes", state),
				Remedy: "Look at its messages in Kibana (Stack Management, Transforms), and run setup again.",
			}
		}
	}
	return stopped, nil
}

// restart starts what was stopped for a change that then failed, so that
// what worked before works again.
func (i *Installer) restart(ctx context.Context, ids []string) {
	ctx = context.WithoutCancel(ctx)
	for _, id := range ids {
		if err := i.startTransform(ctx, id); err != nil {
			i.log.Warnw("A transform could not be started again. Run setup when the cause is corrected.",
				"transform", id, "error", err)
		}
	}
}

const (
	// With an interval of 60 s and the 10 s that Libbeat's queue waits for a full
	// batch, a change shows under the alias within 100 s. A run of the transform
	// that finds nothing costs one count.
	defaultFrequency = 5 * time.Second
	defaultSyncDelay = 20 * time.Second

	// A Serverless project refreshes less often, so events take longer to
	// become searchable.
	serverlessFrequency = 120 * time.Second
	serverlessSyncDelay = 120 * time.Second
)

// timing returns frequency and delay with their defaults.
func timing(t config.SetupTransforms, serverless bool) (frequency, delay time.Duration) {
	if serverless {
		return cmp.Or(t.Frequency, serverlessFrequency), cmp.Or(t.SyncDelay, serverlessSyncDelay)
	}
	return cmp.Or(t.Frequency, defaultFrequency), cmp.Or(t.SyncDelay, defaultSyncDelay)
}
