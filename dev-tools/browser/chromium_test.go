// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var images = flag.String("images", "", "folder for the screenshots, scaled down; without it they are kept nowhere")

// width is that of the window, in pixels; a screenshot is scaled down by scale.
const (
	width = 1400
	scale = 0.64
)

// tab is a page of a browser whose user has logged in to Kibana.
type tab struct {
	*stack
	ctx context.Context

	mu       sync.Mutex
	requests map[network.RequestID]string // of Kibana's API, without the answered ones
	refused  []string                     // what was answered with an error
}

// watch keeps the requests that have no answer or one with an error. They say why a page stays empty.
func (t *tab) watch(event any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if e.Type == network.ResourceTypeXHR || e.Type == network.ResourceTypeFetch {
			t.requests[e.RequestID] = e.Request.Method + " " + e.Request.URL
		}
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			t.refused = append(t.refused, fmt.Sprintf("%s: %d", e.Response.URL, e.Response.Status))
		}
		delete(t.requests, e.RequestID)
	case *runtime.EventExceptionThrown:
		t.refused = append(t.refused, e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError {
			for _, arg := range e.Args {
				t.refused = append(t.refused, string(arg.Value)+arg.Description)
			}
		}
	case *network.EventLoadingFailed:
		if request, ok := t.requests[e.RequestID]; ok {
			t.refused = append(t.refused, request+": "+e.ErrorText)
			delete(t.requests, e.RequestID)
		}
	}
}

// open starts Chromium and logs in.
func (s *stack) open() *tab {
	s.t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.WindowSize(width, 2000), chromedp.UserDataDir(s.t.TempDir()))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	s.t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithErrorf(func(string, ...any) {}))
	s.t.Cleanup(cancel)
	// The browser lives as long as the context of the first run.
	if err := chromedp.Run(ctx); err != nil {
		s.t.Fatalf("starting Chromium: %v", err)
	}
	t := &tab{stack: s, ctx: ctx, requests: map[network.RequestID]string{}}
	chromedp.ListenTarget(ctx, t.watch)
	t.run(2*time.Minute,
		network.Enable(),
		chromedp.Navigate(s.kibana+"/login"),
		chromedp.WaitVisible(`[data-test-subj=loginUsername]`),
		chromedp.SendKeys(`[data-test-subj=loginUsername]`, s.user),
		chromedp.SendKeys(`[data-test-subj=loginPassword]`, s.password),
		chromedp.Click(`[data-test-subj=loginSubmit]`),
		chromedp.WaitNotPresent(`[data-test-subj=loginSubmit]`))
	return t
}

// run does something in the tab.
func (t *tab) run(limit time.Duration, actions ...chromedp.Action) {
	t.t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, limit)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		t.failed(fmt.Sprintf("in the browser: %v", err))
	}
}

// ask returns what an expression of JavaScript is.
func (t *tab) ask(expression string, into any) {
	t.t.Helper()
	var text string
	t.run(time.Minute, chromedp.Evaluate("JSON.stringify("+expression+")", &text))
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.t.Fatalf("%s: %v", expression, err)
	}
}

// within says whether an expression of JavaScript becomes true in time.
func (t *tab) within(expression string, limit time.Duration) bool {
	t.t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(time.Second) {
		var now bool
		t.ask("Boolean("+expression+")", &now)
		if now || time.Now().After(deadline) {
			return now
		}
	}
}

// holds waits until an expression of JavaScript is true.
func (t *tab) holds(what, expression string, limit time.Duration) {
	t.t.Helper()
	if !t.within(expression, limit) {
		t.failed(fmt.Sprintf("not within %s: %s", limit, what))
	}
}

// failed ends the test, with a screenshot of what there is and the requests that went wrong.
func (t *tab) failed(why string) {
	t.t.Helper()
	var png []byte
	file := filepath.Join(os.TempDir(), "threatqbeat-browser-failed.png")
	ctx, cancel := context.WithTimeout(t.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Run(ctx, chromedp.CaptureScreenshot(&png)); err == nil {
		_ = os.WriteFile(file, png, 0o600)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.t.Fatalf("%s; %s shows the page\nrefused: %q\nnot answered: %q", why, file, t.refused, slices.Collect(maps.Values(t.requests)))
}

// screenshot keeps the upper part of the page for the documentation.
func (t *tab) screenshot(name string, height float64) {
	t.t.Helper()
	var png []byte
	// Kibana explains its search sessions on top of the page when it is slow.
	var hidden int
	t.ask(`[...document.querySelectorAll('.euiPopover__panel, [data-popover-panel]')].map(e => e.style.display = 'none').length`, &hidden)
	t.run(time.Minute, chromedp.ActionFunc(func(ctx context.Context) error {
		var err error
		png, err = page.CaptureScreenshot().WithClip(&page.Viewport{Width: width, Height: height, Scale: scale}).Do(ctx)
		return err
	}))
	const most = 200 << 10
	if len(png) > most {
		t.t.Errorf("the screenshot %s has %d bytes, more than %d", name, len(png), most)
	}
	if *images == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(*images, name+".png"), png, 0o644); err != nil {
		t.t.Fatal(err)
	}
}
