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

// transforms is what the server has of our transform, in all its versions, by id.
type transforms map[string]Transform

// stopped says whether a transform does nothing.
func (t transforms) stopped(id string) bool { return t[id].State == "stopped" }

// running returns the ids of those that are not stopped.
func (t transforms) running() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(t)), t.stopped)
}

// listTransforms reads our transforms, and refuses any other that writes to the
// same index.
func (i *Installer) listTransforms(ctx context.Context) (transforms, error) {
	have, err := i.writers(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(have)) {
		if owner := ownerOf(have[id].config); owner != "" || !strings.HasPrefix(id, assets.TransformPrefix) {
			return nil, foreignWriter(id, owner)
		}
	}
	return have, nil
}

// ensureTransform makes sure that the transform of this version, and no other,
// fills the index. After an error it starts again what it had stopped.
func (i *Installer) ensureTransform(ctx context.Context, dest string) (err error) {
	id := assets.TransformID()
	want := transformBody(i.server, i.cfg.Transforms, dest)
	have, err := i.listTransforms(ctx)
	if err != nil {
		return err
	}
	asset := "transform " + id
	mine, exists := have[id]
	changed := exists && assets.Hash(mine.config) != assets.Hash(want)
	if exists && !changed && len(have) == 1 && mine.active() {
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
	stopped, err := i.stopTransforms(ctx, have, slices.DeleteFunc(have.running(), func(other string) bool {
		return other == id && !changed && mine.active()
	}))
	defer func() {
		if err != nil {
			i.restart(ctx, stopped)
		}
	}()
	if err != nil {
		return err
	}
	if changed {
		if err := i.replaceTransform(ctx, id, mine.config, want); err != nil {
			return err
		}
		action = Updated
	}
	if changed || !mine.active() {
		if err := i.startTransform(ctx, id); err != nil {
			return err
		}
	}
	stopped = nil // the new one runs, so nothing is started again from here on
	for _, other := range slices.Sorted(maps.Keys(have)) {
		if other == id {
			continue
		}
		if err := i.deleteTransform(ctx, other); err != nil {
			return err
		}
		i.done("transform "+other, Removed, "replaced by "+id)
	}
	detail := "and started"
	if action == Started {
		detail = ""
		if was := mine.Problem(); was != nil {
			detail = was.Cause
		}
	}
	i.done(asset, action, detail)
	return nil
}

// checkTransform looks whether the transform does its work, once setup has made or
// started it. One that failed before may need a moment to fail again.
func (i *Installer) checkTransform(ctx context.Context, before transforms) error {
	attempts := 1
	for _, t := range before {
		if t.State == "failed" {
			attempts = failAttempts
		}
	}
	var now Transform
	if _, err := i.poll(ctx, attempts, func() (bool, error) {
		found := transforms{}
		err := i.addStats(ctx, found, assets.TransformID())
		now = found[assets.TransformID()]
		return !now.active(), err
	}); err != nil {
		return err
	}
	problem := now.Problem()
	if problem == nil {
		return nil
	}
	if now.active() && now.Health.Status == "yellow" {
		i.done("transform "+assets.TransformID(), Unhealthy, problem.Cause+". "+problem.Remedy)
		return nil
	}
	return problem
}

func (i *Installer) putTransform(ctx context.Context, id string, body assets.Body) error {
	return i.send(ctx, "creating transform "+id, "PUT /_transform/"+id, body)
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
	return i.send(ctx, "updating transform "+id, "POST /_transform/"+id+"/_update", update)
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
	return i.send(ctx, "starting transform "+id, "POST /_transform/"+id+"/_start", nil, runsAlready)
}

func (i *Installer) deleteTransform(ctx context.Context, id string) error {
	return i.send(ctx, "removing transform "+id, "DELETE /_transform/"+id, nil, http.StatusNotFound)
}

// stopTransforms stops transforms and waits until they have. It returns those
// that it stopped or was about to, also with an error.
func (i *Installer) stopTransforms(ctx context.Context, have transforms, ids []string) (stopped []string, err error) {
	for _, id := range ids {
		asset := "transform " + id
		stopped = append(stopped, id)
		force := ""
		if have[id].State == "failed" {
			force = "force=true&"
		}
		if err := i.send(ctx, "stopping "+asset, "POST /_transform/"+id+"/_stop?"+force+"wait_for_completion=false", nil); err != nil {
			return stopped, err
		}
		var now transforms
		done, err := i.poll(ctx, stopAttempts, func() (done bool, err error) {
			now, err = i.listTransforms(ctx)
			return now.stopped(id), err
		})
		if err != nil {
			return stopped, err
		}
		if !done {
			return stopped, &Error{
				Doing:  "stopping " + asset,
				Cause:  fmt.Sprintf("it is still %s after two minutes", now[id].State),
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

// transformBody returns the transform that writes to the index dest, with the defaults of
// frequency and delay.
func transformBody(server assets.Server, cfg config.SetupTransforms, dest string) assets.Body {
	frequency, delay := defaultFrequency, defaultSyncDelay
	if server.Serverless {
		frequency, delay = serverlessFrequency, serverlessSyncDelay
	}
	return assets.Transform(server, assets.TransformOptions{
		DestIndex: dest, Frequency: cmp.Or(cfg.Frequency, frequency), SyncDelay: cmp.Or(cfg.SyncDelay, delay),
	})
}
