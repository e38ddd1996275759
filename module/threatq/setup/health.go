// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// Transform is a transform that writes to the index of active indicators, and what
// Elasticsearch tells of its work.
type Transform struct {
	config assets.Body

	ID string `json:"id"`
	// State is Elasticsearch's word, such as started, indexing, stopped or failed.
	State  string `json:"state"`
	Reason string `json:"reason"`
	// Health is there from 8.7 on.
	Health struct {
		Status string `json:"status"`
		Issues []struct {
			Type    string `json:"type"`
			Issue   string `json:"issue"`
			Details string `json:"details"`
		} `json:"issues"`
	} `json:"health"`
}

// LookAtTransforms returns each transform that writes to the index of active
// indicators, whoever made it, by id. It is an *Error that there is none, and that
// there are several, which would undo each other's work.
func LookAtTransforms(ctx context.Context, es Elasticsearch) ([]Transform, error) {
	found, err := looking(es).writers(ctx)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &Error{
			Doing:  "looking at transform " + assets.TransformPrefix + "*",
			Cause:  "there is none, so nothing fills the index of active indicators",
			Remedy: "Run threatqbeat setup.",
		}
	}
	ids := slices.Sorted(maps.Keys(found))
	var list []Transform
	for _, id := range ids {
		list = append(list, found[id])
	}
	if len(list) > 1 {
		return list, &Error{
			Doing:  "looking at transforms " + strings.Join(ids, " and "),
			Cause:  "they write to the same index of active indicators",
			Remedy: "Keep one of them. For each other: " + removeTransform("ID") + ".",
		}
	}
	return list, nil
}

// writers returns all transforms that have our name or write to an index of active
// indicators.
func (i *Installer) writers(ctx context.Context) (transforms, error) {
	var all struct {
		Transforms []assets.Body `json:"transforms"`
	}
	if _, err := i.find(ctx, "the transforms", "/_transform/*?size=1000", &all); err != nil {
		return nil, err
	}
	found := transforms{}
	for _, c := range all.Transforms {
		id, _ := c["id"].(string)
		if t := (Transform{ID: id, config: c}); strings.HasPrefix(id, assets.TransformPrefix) || strings.HasPrefix(t.dest(), assets.DestIndexPrefix) {
			found[id] = t
		}
	}
	if len(found) == 0 {
		return found, nil
	}
	return found, i.addStats(ctx, found, slices.Sorted(maps.Keys(found))...)
}

// addStats adds to the transforms what Elasticsearch tells of the work of those with
// these ids.
func (i *Installer) addStats(ctx context.Context, have transforms, ids ...string) error {
	var stats struct {
		Transforms []Transform `json:"transforms"`
	}
	list := strings.Join(ids, ",")
	_, err := i.find(ctx, "the state of transform "+strings.ReplaceAll(list, ",", ", "), "/_transform/"+list+"/_stats?size=1000", &stats)
	for _, t := range stats.Transforms {
		t.config = have[t.ID].config
		have[t.ID] = t
	}
	return err
}

// dest returns the index that a transform writes to.
func (t Transform) dest() string {
	index, _ := object(t.config["dest"])["index"].(string)
	return index
}

// active says whether a transform goes on by itself.
func (t Transform) active() bool {
	return t.State == "started" || t.State == "indexing" || t.State == "waiting"
}

// Problem says what keeps a transform from its work, and the request that mends it; nil
// if nothing does.
func (t Transform) Problem() *Error {
	e := &Error{Doing: "looking at transform " + t.ID}
	var issues []string
	unprivileged := false
	for _, issue := range t.Health.Issues {
		issues = append(issues, shorten(strings.TrimSuffix(issue.Issue+": "+issue.Details, ": ")))
		unprivileged = unprivileged || issue.Type == "privileges_check_failed"
	}
	const start, stop = "POST _transform/%s/_start", "POST _transform/%s/_stop?force=true&wait_for_completion=true"
	switch {
	case t.State == "failed":
		e.Cause = "it has failed"
		e.Remedy = fmt.Sprintf("Correct the cause, then run threatqbeat setup, or send "+stop+" and then "+start+".", t.ID, t.ID)
	case !t.active():
		e.Cause = "it is " + t.State
		e.Remedy = fmt.Sprintf("Run threatqbeat setup, or send "+start+".", t.ID)
	case unprivileged:
		e.Cause = "the user who installed it lacks privileges"
		e.Remedy = fmt.Sprintf("As a user with the role threatqbeat_setup of docs/elasticsearch.md, send POST _transform/%s/_update with the body {}.", t.ID)
	case t.Health.Status == "red", t.Health.Status == "yellow":
		e.Cause = "its health is " + t.Health.Status
		e.Remedy = fmt.Sprintf("It is tried again by itself. GET _transform/%s/_stats shows whether it goes on; if it does not, correct the cause.", t.ID)
	default:
		return nil
	}
	if reason := cmp.Or(strings.Join(issues, "; "), shorten(t.Reason)); reason != "" {
		e.Cause += ": " + reason
	}
	return e
}
