// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// TransformState is how a transform is that writes to the index of active indicators.
type TransformState struct {
	ID string
	// State is Elasticsearch's word, such as started, indexing, stopped or failed.
	State string
	// Problem says what keeps it from its work, and the request that mends it;
	// nil if nothing does.
	Problem *Error
}

// LookAtTransforms returns each transform that writes to the index of active
// indicators, whoever made it, by id. It is an *Error that there is none, and that
// there are several, which would undo each other's work.
func LookAtTransforms(ctx context.Context, es Elasticsearch) ([]TransformState, error) {
	i := New(es, config.Setup{})
	writers, err := i.writers(ctx)
	if err != nil {
		return nil, err
	}
	ids := slices.Sorted(maps.Keys(writers))
	if len(ids) == 0 {
		return nil, &Error{
			Kind: KindTransform, Asset: "transform " + assets.TransformPrefix + "*", Doing: "looking at",
			Cause:  "there is none, so nothing fills the index of active indicators",
			Remedy: "Run threatqbeat setup.",
		}
	}
	stats, err := i.transformStats(ctx, ids)
	if err != nil {
		return nil, err
	}
	var found []TransformState
	for _, id := range ids {
		found = append(found, TransformState{ID: id, State: stats[id].State, Problem: stats[id].problem()})
	}
	if len(ids) > 1 {
		return found, &Error{
			Kind: KindForeign, Asset: "transforms " + strings.Join(ids, " and "), Doing: "looking at",
			Cause:  "they write to the same index of active indicators",
			Remedy: "Keep one of them. For each other: " + removeTransform("ID") + ".",
		}
	}
	return found, nil
}

// writers returns the configurations of all transforms that have our name or
// write to an index of active indicators, by id.
func (i *Installer) writers(ctx context.Context) (map[string]assets.Body, error) {
	var all struct {
		Transforms []assets.Body `json:"transforms"`
	}
	if _, err := i.do(ctx, Request{
		Doing: "reading", Asset: "the transforms", Privilege: privTransform,
		Method: http.MethodGet, Path: "/_transform/*", Params: map[string]string{"size": "1000"},
		okStatus: http.StatusNotFound,
	}, &all); err != nil {
		return nil, err
	}
	found := map[string]assets.Body{}
	for _, c := range all.Transforms {
		id, _ := c["id"].(string)
		if strings.HasPrefix(id, assets.TransformPrefix) || strings.HasPrefix(destOf(c), assets.DestIndexPrefix) {
			found[id] = c
		}
	}
	return found, nil
}

// transformStats is what Elasticsearch tells of a transform's work.
type transformStats struct {
	ID     string `json:"id"`
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

// transformStats reads the stats of the transforms, by id.
func (i *Installer) transformStats(ctx context.Context, ids []string) (map[string]transformStats, error) {
	found := map[string]transformStats{}
	if len(ids) == 0 {
		return found, nil
	}
	var stats struct {
		Transforms []transformStats `json:"transforms"`
	}
	if _, err := i.do(ctx, Request{
		Doing: "reading the state of", Asset: "transform " + strings.Join(ids, ", "), Privilege: privTransform,
		Method: http.MethodGet, Path: "/_transform/" + strings.Join(ids, ",") + "/_stats",
		Params: map[string]string{"size": "1000"}, okStatus: http.StatusNotFound,
	}, &stats); err != nil {
		return nil, err
	}
	for _, s := range stats.Transforms {
		found[s.ID] = s
	}
	return found, nil
}

// active says whether a transform goes on by itself.
func (s transformStats) active() bool {
	return s.State == "started" || s.State == "indexing" || s.State == "waiting"
}

// problem says what keeps a transform from its work, nil if nothing does.
func (s transformStats) problem() *Error {
	e := &Error{Kind: KindTransform, Asset: "transform " + s.ID, Doing: "looking at"}
	var issues []string
	unprivileged := false
	for _, issue := range s.Health.Issues {
		text := issue.Issue
		if issue.Details != "" {
			text += ": " + issue.Details
		}
		issues = append(issues, shorten(text))
		unprivileged = unprivileged || issue.Type == "privileges_check_failed"
	}
	reason := strings.Join(issues, "; ")
	if reason == "" {
		reason = shorten(s.Reason)
	}
	because := func(what string) string {
		if reason == "" {
			return what
		}
		return what + ": " + reason
	}
	const start, stop = "POST _transform/%s/_start", "POST _transform/%s/_stop?force=true&wait_for_completion=true"
	switch {
	case s.State == "failed":
		e.Cause = because("it has failed")
		e.Remedy = fmt.Sprintf("Correct the cause, then run threatqbeat setup, or send "+stop+" and then "+start+".", s.ID, s.ID)
	case !s.active():
		e.Cause = because("it is " + s.State)
		e.Remedy = fmt.Sprintf("Run threatqbeat setup, or send "+start+".", s.ID)
	case unprivileged:
		e.Cause = because("the user who installed it lacks privileges")
		e.Remedy = fmt.Sprintf("As a user with the role threatqbeat_setup of docs/elasticsearch.md, send POST _transform/%s/_update with the body {}.", s.ID)
	case s.Health.Status == "red", s.Health.Status == "yellow":
		e.Cause = because("its health is " + s.Health.Status)
		e.Remedy = fmt.Sprintf("It is tried again by itself. GET _transform/%s/_stats shows whether it goes on; if it does not, correct the cause.", s.ID)
	default:
		return nil
	}
	return e
}
