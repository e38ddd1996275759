// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// wanted is what a dashboard has to show, as its file says.
type wanted struct {
	ID    string
	Title string
	// Panels are the titles, but for the one with the links.
	Panels  []string
	Columns []string // of the table of indicators
}

func want(t *testing.T, id string) wanted {
	t.Helper()
	var dashboard struct {
		Attributes struct {
			Title      string
			PanelsJSON []struct{ Title, Type, PanelRefName, PanelIndex string }
		}
		References []struct{ ID, Name, Type string }
	}
	read := func(file string, into any) {
		data, err := os.ReadFile(filepath.Join(root, "module/threatq/assets/kibana/7", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, into); err != nil {
			t.Fatal(err)
		}
	}
	read("dashboard/"+id+".json", &dashboard)
	w := wanted{ID: id, Title: strings.TrimPrefix(dashboard.Attributes.Title, "[ThreatQ] ")}
	for _, p := range dashboard.Attributes.PanelsJSON {
		if p.Title != "" {
			w.Panels = append(w.Panels, p.Title)
		}
	}
	for _, r := range dashboard.References {
		if r.Type == "search" {
			var search struct{ Attributes struct{ Columns []string } }
			read("search/"+r.ID+".json", &search)
			w.Columns = search.Attributes.Columns
		}
	}
	return w
}

// shown is what a panel of the page shows.
type shown struct {
	Title   string
	Current string // what the links say that this dashboard is
	Columns []string
	Error   string
	Empty   bool
	Cut     []string // headers of columns that are longer than their columns
	Marked  bool     // words are marked as found, though nothing is searched for
}

const panels = `[...document.querySelectorAll('[data-test-subj="embeddablePanel"]')].map(p => {
	const text = s => (p.querySelector(s) || {}).innerText || '';
	const error = p.querySelector('[class*="error" i], [data-test-subj*="error" i], [data-test-subj="embeddable-lens-failure"]');
	return {
		Title: text('[data-test-subj="dashboardPanelTitle"]').split('\n').pop() || text('[data-test-subj="metric_label"]'),
		Current: text('[data-test-subj="markdownBody"] strong'),
		Columns: [...p.querySelectorAll('[data-test-subj="embeddedSavedSearchDocTable"] [data-test-subj^="dataGridHeaderCell-"]')].map(e => e.getAttribute('data-test-subj').slice(19)),
		Error: error ? error.innerText || 'an error mark' : '',
		Empty: !p.querySelector('canvas, [data-test-subj="metric_value"], [data-test-subj="markdownBody"], [role="row"]') ||
			!!p.querySelector('[data-test-subj="emptyPlaceholder"]') || /No results found/.test(p.innerText),
		Cut: [...p.querySelectorAll('[data-test-subj^="dataGridHeaderCell-"] *')]
			.filter(e => getComputedStyle(e).textOverflow == 'ellipsis' && e.scrollWidth > e.clientWidth && e.innerText).map(e => e.innerText),
		Marked: !!p.querySelector('[role="gridcell"] mark'),
	}
})`

// check waits until the dashboard is drawn, and compares it with its file.
func (t *tab) check(w wanted) {
	t.t.Helper()
	t.holds("all panels of "+w.ID+" are drawn", fmt.Sprintf(`location.hash.includes('/view/%s') &&
		document.querySelectorAll('[data-test-subj="embeddablePanel"]').length == %d &&
		document.querySelectorAll('[data-shared-item]').length >= %[2]d &&
		!document.querySelector('[data-shared-item][data-render-complete="false"]') &&
		!document.querySelector('[data-test-subj="embeddablePanelLoadingIndicator"], .euiLoadingChart')`, w.ID, len(w.Panels)+1), 3*time.Minute)
	time.Sleep(2 * time.Second) // charts fade in
	var got []shown
	t.ask(panels, &got)
	var titles []string
	for _, p := range got {
		if p.Error != "" {
			t.t.Errorf("%s, panel %q shows an error: %s", w.ID, p.Title, p.Error)
		}
		if p.Empty {
			t.t.Errorf("%s, panel %q is empty", w.ID, p.Title)
		}
		if len(p.Cut) > 0 || p.Marked {
			t.t.Errorf("%s, panel %q: headers are cut (%q), or words are marked (%t)", w.ID, p.Title, p.Cut, p.Marked)
		}
		if p.Current != "" && p.Current != w.Title {
			t.t.Errorf("%s says that it is %q", w.ID, p.Current)
		}
		if p.Title != "" {
			titles = append(titles, strings.TrimSpace(p.Title))
		}
		for _, c := range p.Columns {
			if c != "openDetails" && c != "select" && !slices.Contains(w.Columns, c) {
				t.t.Errorf("%s, panel %q has the column %s of another dashboard", w.ID, p.Title, c)
			}
		}
	}
	for _, title := range w.Panels {
		if !slices.Contains(titles, title) {
			t.t.Errorf("%s has no panel %q among %q", w.ID, title, titles)
		}
	}
	if t.t.Failed() {
		t.failed(w.ID + " is not as it should be")
	}
}

// Each dashboard shows its own contents, opened fresh and by the links of another.
func TestDashboards(t *testing.T) {
	s := connect(t)
	active := s.collect(3000)
	tab := s.open()
	overview, files, network := want(t, "threatq-overview"), want(t, "threatq-files"), want(t, "threatq-network")
	for _, w := range []wanted{overview, files, network} {
		tab.run(time.Minute, chromedp.Navigate("about:blank"), chromedp.Navigate(s.kibana+"/app/dashboards#/view/"+w.ID))
		tab.check(w)
		tab.screenshot(w.ID, 1250)
		if w.ID == overview.ID {
			tab.holds(fmt.Sprintf("the overview says that %d are active", active), fmt.Sprintf(
				`[...document.querySelectorAll('[data-test-subj="metric_value"]')].some(e => e.innerText.replace(/\D/g, '') == '%d')`, active), time.Second)
		}
	}
	for _, w := range []wanted{files, overview, network, files, network, overview} {
		link := fmt.Sprintf(`[data-test-subj="markdownBody"] a[href*="/view/%s"]`, w.ID)
		tab.run(time.Minute, chromedp.Click(link, chromedp.ByQuery))
		tab.check(w)
	}

	// Security lists them by their tag, from 8.4 on.
	version, _ := s.must("GET", s.kibana+"/api/status", nil)["version"].(object)["number"].(string)
	if strings.HasPrefix(version, "8.3.") {
		return
	}
	tab.run(time.Minute, chromedp.Navigate(s.kibana+"/app/security/dashboards"))
	for _, w := range []wanted{overview, files, network} {
		tab.holds("Security lists "+w.Title, fmt.Sprintf(`document.body.innerText.includes('[ThreatQ] %s')`, w.Title), 2*time.Minute)
	}
}
