// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/elastic-agent-libs/logp/logptest"
	"github.com/elastic/elastic-agent-libs/monitoring"

	"github.com/threatqbeat/threatqbeat/module/threatq/client"
	"github.com/threatqbeat/threatqbeat/module/threatq/delivery"
	"github.com/threatqbeat/threatqbeat/module/threatq/health"
	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// answers is a pager that answers a mark with what is listed for it, the last
// answer again and again.
type answers struct {
	t        *testing.T
	byMark   map[string][]answer
	requests []string
	latency  time.Duration
}

type answer struct {
	ids       []int
	next      string
	total     int64
	truncated bool
	err       error
}

func (a *answers) Page(ctx context.Context, mark string) (*client.Page, error) {
	a.requests = append(a.requests, mark)
	if a.latency > 0 {
		select {
		case <-time.After(a.latency):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	list := a.byMark[mark]
	require.NotEmpty(a.t, list, "unexpected mark %q", mark)
	next := list[0]
	if len(list) > 1 {
		a.byMark[mark] = list[1:]
	}
	if next.err != nil && !next.truncated {
		return nil, next.err
	}
	page := &client.Page{Mark: mark, NextCursorMark: next.next, Total: next.total, Truncated: next.truncated}
	for _, id := range next.ids {
		page.Indicators = append(page.Indicators, fmt.Appendf(nil,
			`{"id":%d,"value":"192.0.2.%d","type":{"name":"IP Address"},"updated_at":"2026-01-01 00:00:00"}`, id, id%256))
	}
	return page, next.err
}

// published is what a runner published, and the cursors it handed over.
type published struct {
	ids    []string
	states map[int]registry.State // by the number of events published before
	marks  []string               // saved without an event
	delay  time.Duration
	stop   func(published int) error
}

func (p *published) publish(event beat.Event, update any) error {
	if p.delay > 0 {
		time.Sleep(p.delay)
	}
	id, err := event.Fields.GetValue("threatq.id")
	if err != nil {
		id = "unreadable"
	}
	p.ids = append(p.ids, fmt.Sprint(id))
	if update != nil {
		if p.states == nil {
			p.states = map[int]registry.State{}
		}
		p.states[len(p.ids)] = update.(registry.State)
	}
	if p.stop != nil {
		return p.stop(len(p.ids))
	}
	return nil
}

func (p *published) saveMark(update any) error {
	p.marks = append(p.marks, update.(registry.State).Mark)
	return nil
}

// followed is an input whose events are followed to no output.
func followed() *delivery.Input {
	return delivery.NewTracker(delivery.Settings{}, &health.Board{}, monitoring.NewRegistry()).Input("test")
}

func newTestRunner(t *testing.T, pages pager, out *published, changes *[]health.Condition) *runner {
	reg := monitoring.NewRegistry()
	keeper := new(health.Board).Start("test")
	if changes != nil {
		keeper.OnChange(func(worst health.Condition) { *changes = append(*changes, worst) })
	}
	log := logptest.NewTestingLogger(t, "")
	return &runner{
		interval: time.Minute,
		pages:    pages,
		mapper:   NewMapper(MapperConfig{ExpirationDuration: 90 * 24 * time.Hour, Namespace: "default"}),
		publish:  out.publish,
		flush:    func() error { return nil },
		saveMark: out.saveMark,
		metrics:  newMetrics(reg, newTotals(nil), keeper, followed(), log),
		health:   keeper,
		followed: followed(),
		reporter: new(Reports).start("test", registry.State{}, keeper),
		log:      log,
	}
}

// pager answers each request with what a function returns, by its number from 0.
type pagerFunc func(request int) answer

func (f pagerFunc) pager(t *testing.T, requests *int) pager {
	return funcPager{t, f, requests}
}

type funcPager struct {
	t        *testing.T
	answer   pagerFunc
	requests *int
}

func (p funcPager) Page(ctx context.Context, mark string) (*client.Page, error) {
	next := p.answer(*p.requests)
	*p.requests++
	next.next = fmt.Sprint("mark-", *p.requests)
	return (&answers{t: p.t, byMark: map[string][]answer{mark: {next}}, latency: 100 * time.Millisecond}).Page(ctx, mark)
}

type pageFunc func(ctx context.Context, mark string) (*client.Page, error)

func (f pageFunc) Page(ctx context.Context, mark string) (*client.Page, error) { return f(ctx, mark) }
