// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

var excluded = regexp.MustCompile("(?m)^-logs-ti_threatq\\.threat-\\*.*$")

// With the setting that docs/elasticsearch.md gives, Security, Intelligence shows each active indicator
// once, and no event of the data stream. Its flyout opens.
func TestIntelligencePage(t *testing.T) {
	s := connect(t)
	license := s.must("GET", s.elasticsearch+"/_license", nil)["license"].(object)["type"]
	if license != "trial" && license != "enterprise" {
		t.Skipf("the licence is %v; Kibana shows this page with an Enterprise licence or a trial of it", license)
	}
	active := s.collect(400)
	text, err := os.ReadFile(root + "/docs/elasticsearch.md")
	if err != nil {
		t.Fatal(err)
	}
	setting := excluded.FindString(string(text))
	if setting == "" {
		t.Fatal("docs/elasticsearch.md says nothing of what to exclude from securitySolution:defaultIndex")
	}
	set := func(value any) {
		s.must("POST", s.kibana+"/api/kibana/settings", object{"changes": object{"securitySolution:defaultIndex": value}})
	}
	set(append([]string{"auditbeat-*", "filebeat-*", "logs-*", "winlogbeat-*"}, strings.Split(setting, ",")...))
	t.Cleanup(func() { set(nil) })

	tab := s.open()
	const always = "(from:'2000-01-01T00:00:00.000Z',kind:absolute,to:'2100-01-01T00:00:00.000Z')"
	// The page stops waiting for the list of integrations after two seconds, and then stays on its loading
	// mark. A busy machine needs longer at first.
	for range 5 {
		tab.run(time.Minute, chromedp.Navigate("about:blank"),
			chromedp.Navigate(s.kibana+"/app/security/threat_intelligence/indicators?timerange=(global:(linkTo:!(),timerange:"+always+"))"))
		if tab.within(`document.querySelector('[data-test-subj="tiToggleIndicatorFlyoutButton"]')`, 40*time.Second) {
			break
		}
	}
	tab.holds(fmt.Sprintf("the page counts %d indicators", active), fmt.Sprintf(
		`new RegExp('of\\s+%d\\b').test(document.body.innerText.replace(/,/g, ''))`, active), time.Minute)
	const open = `[data-test-subj="tiToggleIndicatorFlyoutButton"]`
	tab.run(time.Minute, chromedp.WaitVisible(open, chromedp.ByQuery), chromedp.Click(open, chromedp.ByQuery))
	tab.holds("the flyout shows an indicator of ThreatQ", `[...document.querySelectorAll('.euiFlyout')].some(e => /ThreatQuotient|Confidence/.test(e.innerText))`, time.Minute)
}
