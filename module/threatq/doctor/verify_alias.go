// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
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
)

// aliasHit is an active indicator.
type aliasHit struct {
	registry.Indicator
	version registry.Version
}

// activeIndicators reads the active indicators of namespaces from Elasticsearch, in the
// order of their identifiers. Everything that is read is as of the start, but that the
// filter of the alias leaves out what expires meanwhile. It ends with an error.
func activeIndicators(ctx context.Context, es setup.Elasticsearch, namespaces []string) iter.Seq2[aliasHit, error] {
	ask := func(ctx context.Context, call string, body, out any) error {
		_, err := setup.Ask(ctx, es, "reading the active indicators in "+assets.Alias, call, body, out)
		return err
	}
	ascending := map[string]any{"order": "asc", "missing": "_first", "unmapped_type": "long"}
	search := map[string]any{
		"size":             aliasPage,
		"track_total_hits": false,
		"_source":          false,
		"docvalue_fields":  []any{map[string]any{"field": "threatq.updated_at", "format": "epoch_second"}},
		"query":            map[string]any{"bool": map[string]any{"filter": map[string]any{"terms": map[string]any{"data_stream.namespace": namespaces}}}},
		"sort":             []any{map[string]any{"threatq.id": ascending}, map[string]any{"threatq.indicator_id": ascending}},
	}
	return func(yield func(aliasHit, error) bool) {
		var view struct {
			ID string `json:"id"`
		}
		if err := ask(ctx, "POST /"+assets.Alias+"/_pit?keep_alive="+pointInTime, nil, &view); err != nil {
			yield(aliasHit{}, err)
			return
		}
		// An error is of no interest: the view ends by itself.
		defer func() {
			_ = ask(context.WithoutCancel(ctx), "DELETE /_pit", map[string]any{"id": view.ID}, nil)
		}()
		for last := false; !last; {
			search["pit"] = map[string]any{"id": view.ID, "keep_alive": pointInTime}
			var page aliasHits
			err := ask(ctx, "POST /_search", search, &page)
			if err == nil && (page.TimedOut || page.Shards.Failed > 0) {
				err = fmt.Errorf("reading %s: %d shards failed or took too long, so that a part is missing; try again when the cluster is healthy", assets.Alias, page.Shards.Failed)
			}
			if err != nil {
				yield(aliasHit{}, err)
				return
			}
			view.ID = cmp.Or(page.PIT, view.ID)
			for _, h := range page.Hits.Hits {
				hit, err := h.read()
				if !yield(hit, err) || err != nil {
					return
				}
			}
			if n := len(page.Hits.Hits); n > 0 {
				search["search_after"] = page.Hits.Hits[n-1].Sort
			}
			last = len(page.Hits.Hits) < aliasPage
		}
	}
}

// aliasHits is an answer of Elasticsearch with some of them.
type aliasHits struct {
	PIT      string `json:"pit_id"`
	TimedOut bool   `json:"timed_out"`
	Shards   struct {
		Failed int `json:"failed"`
	} `json:"_shards"`
	Hits struct {
		Hits []rawHit `json:"hits"`
	} `json:"hits"`
}

type rawHit struct {
	Sort   []json.Number `json:"sort"`
	Fields struct {
		UpdatedAt []string `json:"threatq.updated_at"`
	} `json:"fields"`
}

func (h rawHit) read() (hit aliasHit, err error) {
	if len(h.Sort) < 2 {
		return hit, fmt.Errorf("reading %s: a document came without the values that it is sorted by", assets.Alias)
	}
	// A missing value is sorted as the least number, which is registry.Missing.
	for n, to := range []*int64{&hit.ID, &hit.IndicatorID} {
		if *to, err = h.Sort[n].Int64(); err != nil {
			return hit, fmt.Errorf("reading %s: an identifier is no whole number: %w", assets.Alias, err)
		}
	}
	hit.version = registry.Undated
	if len(h.Fields.UpdatedAt) > 0 {
		whole, _, _ := strings.Cut(h.Fields.UpdatedAt[0], ".") // there may be milliseconds
		seconds, err := strconv.ParseInt(whole, 10, 64)
		if err != nil {
			return hit, fmt.Errorf("reading %s: threatq.updated_at is no date: %w", assets.Alias, err)
		}
		hit.version = registry.VersionOf(time.Unix(seconds, 0))
	}
	return hit, nil
}
