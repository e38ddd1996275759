// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/statestore"
	"github.com/elastic/beats/v7/libbeat/statestore/storetest"

	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// holding is a pipeline whose events are acknowledged when a test says so.
type holding struct {
	mu       sync.Mutex
	listener beat.EventListener
	events   int
}

func (p *holding) Connect() (beat.Client, error) { return p.ConnectWith(beat.ClientConfig{}) }

func (p *holding) ConnectWith(cfg beat.ClientConfig) (beat.Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listener = cfg.EventListener
	return p, nil
}

func (p *holding) Publish(event beat.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events++
	p.listener.AddEvent(event, true)
}

func (p *holding) PublishAll([]beat.Event) { panic("not used") }

func (p *holding) Close() error { return nil }

func (p *holding) published() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.events
}

// A mark that only empty pages lead to is saved, once what was published before is
// acknowledged, and never earlier.
func TestMarkWithoutAnEventWaitsForTheEventsBefore(t *testing.T) {
	var mu sync.Mutex
	var marks []string
	appliance := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		mark := r.FormValue("cursorMark")
		switch {
		case r.URL.Path == "/api/token":
			fmt.Fprint(w, `{"access_token": "token", "token_type": "Bearer", "expires_in": 3600}`)
			return
		case mark == "*":
			fmt.Fprint(w, `{"data": [{"id": 1, "value": "192.0.2.1"}, {"id": 2, "value": "192.0.2.2"}], "nextCursorMark": "a"}`)
		case mark == "a":
			fmt.Fprint(w, `{"data": [], "nextCursorMark": "b"}`)
		default:
			fmt.Fprint(w, `{"data": [], "nextCursorMark": "c"}`)
		}
		mu.Lock()
		defer mu.Unlock()
		marks = append(marks, mark)
	}))
	defer appliance.Close()
	requests := func() []string {
		mu.Lock()
		defer mu.Unlock()
		return marks
	}
	cursors := storetest.NewMemoryStoreBackend()
	start := func(p beat.PipelineConnector) (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		run := newInputAt(t, cursors, appliance.URL, "aaaa", "id", "secret")
		go func() { ended <- run(ctx, p) }()
		return func() {
			cancel()
			require.NoError(t, <-ended)
		}
	}
	store, err := statestore.NewRegistry(cursors).Get("test")
	require.NoError(t, err)
	saved := func() string {
		var entry struct{ Cursor any }
		require.NoError(t, store.Get("threatq::one::"+registry.SourceName(appliance.URL, "aaaa"), &entry))
		state, _ := entry.Cursor.(map[string]any)
		mark, _ := state["mark"].(string)
		return mark
	}

	var p holding
	stop := start(&p)
	require.Eventually(t, func() bool { return len(requests()) > 5 }, time.Minute, time.Millisecond)
	assert.Equal(t, []string{"*", "a", "b", "c", "c"}, requests()[:5])
	assert.Equal(t, 2, p.published(), "a mark alone is no event")
	assert.Empty(t, saved(), "nothing is acknowledged")
	p.listener.ACKEvents(1)
	assert.Empty(t, saved(), "one of two is acknowledged")
	p.listener.ACKEvents(1)
	assert.Equal(t, "c", saved())
	stop()

	before := len(requests())
	defer start(&p)()
	require.Eventually(t, func() bool { return len(requests()) > before }, time.Minute, time.Millisecond)
	assert.Equal(t, "c", requests()[before], "the next start goes on behind the empty pages")
}
