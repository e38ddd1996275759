// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
	"github.com/threatqbeat/threatqbeat/module/threatq/setup"
)

const (
	// aliasPage is how many documents are read at once, the most that
	// Elasticsearch returns by default.
	aliasPage = 10_000
	// pointInTime is how long Elasticsearch keeps the view that is read from one
	// request to the next.
	pointInTime = "2m"
	// privReadAlias is what verify needs.
	privReadAlias = "read on " + assets.Alias
)

// alias reads the active indicators of the inputs' namespaces from Elasticsearch.
type alias struct {
	es         setup.Elasticsearch
	namespaces []string

	pit   string
	after []any
	hits  []aliasHit
	last  bool
	read  int
}

type aliasHit struct {
	registry.Indicator
	version registry.Version
}

// open begins to read. Everything that is read is as of now, but that the filter of
// the alias leaves out what expires meanwhile.
func (a *alias) open(ctx context.Context) error {
	var answer struct {
		ID string `json:"id"`
	}
	err := a.ask(ctx, setup.Request{
		Method: http.MethodPost, Path: "/" + assets.Alias + "/_pit", Params: map[string]string{"keep_alive": pointInTime},
	}, &answer)
	a.pit = answer.ID
	return err
}

// close gives the view back. An error is of no interest: it ends by itself.
func (a *alias) close(ctx context.Context) {
	if a.pit != "" {
		_ = a.ask(context.WithoutCancel(ctx), setup.Request{
			Method: http.MethodDelete, Path: "/_pit", Body: map[string]any{"id": a.pit},
		}, nil)
		a.pit = ""
	}
}

// next returns the next document by its identifiers, and false at the end.
func (a *alias) next(ctx context.Context) (aliasHit, bool, error) {
	if len(a.hits) == 0 && !a.last {
		if err := a.fetch(ctx); err != nil {
			return aliasHit{}, false, err
		}
	}
	if len(a.hits) == 0 {
		return aliasHit{}, false, nil
	}
	hit := a.hits[0]
	a.hits = a.hits[1:]
	a.read++
	return hit, true, nil
}

func (a *alias) fetch(ctx context.Context) error {
	ascending := map[string]any{"order": "asc", "missing": "_first", "unmapped_type": "long"}
	body := map[string]any{
		"size":             aliasPage,
		"track_total_hits": false,
		"_source":          false,
		"docvalue_fields":  []any{map[string]any{"field": "threatq.updated_at", "format": "epoch_second"}},
		"pit":              map[string]any{"id": a.pit, "keep_alive": pointInTime},
		"query":            map[string]any{"bool": map[string]any{"filter": map[string]any{"terms": map[string]any{"data_stream.namespace": a.namespaces}}}},
		"sort":             []any{map[string]any{"threatq.id": ascending}, map[string]any{"threatq.indicator_id": ascending}},
	}
	if a.after != nil {
		body["search_after"] = a.after
	}
	var answer struct {
		PIT      string `json:"pit_id"`
		TimedOut bool   `json:"timed_out"`
		Shards   struct {
			Failed int `json:"failed"`
		} `json:"_shards"`
		Hits struct {
			Hits []struct {
				Sort   []json.Number `json:"sort"`
				Fields struct {
					UpdatedAt []string `json:"threatq.updated_at"`
				} `json:"fields"`
			} `json:"hits"`
		} `json:"hits"`
	}
	if err := a.ask(ctx, setup.Request{Method: http.MethodPost, Path: "/_search", Body: body}, &answer); err != nil {
		return err
	}
	if answer.TimedOut || answer.Shards.Failed > 0 {
		return fmt.Errorf("reading %s: %d shards failed or took too long, so that a part is missing; try again when the cluster is healthy", assets.Alias, answer.Shards.Failed)
	}
	if answer.PIT != "" {
		a.pit = answer.PIT
	}
	a.last = len(answer.Hits.Hits) < aliasPage
	a.hits = a.hits[:0]
	for _, h := range answer.Hits.Hits {
		var hit aliasHit
		var err error
		if len(h.Sort) < 2 {
			return fmt.Errorf("reading %s: a document came without the values that it is sorted by", assets.Alias)
		}
		// A missing value is sorted as the least number, which is registry.Missing.
		for n, to := range []*int64{&hit.ID, &hit.IndicatorID} {
			if *to, err = h.Sort[n].Int64(); err != nil {
				return fmt.Errorf("reading %s: an identifier is no whole number: %w", assets.Alias, err)
			}
		}
		hit.version = registry.Undated
		if len(h.Fields.UpdatedAt) > 0 {
			whole, _, _ := strings.Cut(h.Fields.UpdatedAt[0], ".") // there may be milliseconds
			seconds, err := strconv.ParseInt(whole, 10, 64)
			if err != nil {
				return fmt.Errorf("reading %s: threatq.updated_at is no date: %w", assets.Alias, err)
			}
			hit.version = registry.VersionOf(time.Unix(seconds, 0))
		}
		a.hits = append(a.hits, hit)
	}
	if n := len(answer.Hits.Hits); n > 0 {
		a.after = nil
		for _, v := range answer.Hits.Hits[n-1].Sort {
			a.after = append(a.after, v)
		}
	}
	return nil
}

func (a *alias) ask(ctx context.Context, r setup.Request, out any) error {
	r.Doing, r.Asset, r.Privilege = "reading", "the active indicators in "+assets.Alias, privReadAlias
	r.Grant = "Grant it, or use the role of docs/examples/role-verify.json."
	return setup.Ask(ctx, a.es, r, out)
}
