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

var threatIndex = regexp.MustCompile("(?m)^(logs-ti_\\*,-logs-ti_threatq\\.threat-\\*.*)$")

// With the setting that docs/elasticsearch.md gives, Security, Intelligence shows each active indicator
// once, and no event of the data stream. Its flyout opens.
func TestIntelligencePage(t *testing.T) {
	s := connect(t)
	active := s.collect(400)
	text, err := os.ReadFile(root + "/docs/elasticsearch.md")
	if err != nil {
		t.Fatal(err)
	}
	setting := threatIndex.FindString(string(text))
	if setting == "" {
		t.Fatal("docs/elasticsearch.md gives no value of securitySolution:defaultThreatIndex")
	}
	set := func(value any) {
		s.must("POST", s.kibana+"/api/kibana/settings", object{"changes": object{"securitySolution:defaultThreatIndex": value}})
	}
	set(strings.Split(setting, ","))
	t.Cleanup(func() { set(nil) })

	tab := s.open()
	const range5y = "(from:now-50y,kind:relative,to:now)"
	tab.run(time.Minute, chromedp.Navigate(s.kibana+"/app/security/threat_intelligence/indicators?timerange=(global:(linkTo:!(),timerange:"+range5y+"))"))
	tab.holds(fmt.Sprintf("the page counts %d indicators", active), fmt.Sprintf(
		`new RegExp('of\\s+%d\\b').test(document.body.innerText.replace(/,/g, ''))`, active), 3*time.Minute)
	const open = `[data-test-subj="tiToggleIndicatorFlyoutButton"]`
	tab.run(time.Minute, chromedp.WaitVisible(open, chromedp.ByQuery), chromedp.Click(open, chromedp.ByQuery))
	tab.holds("the flyout shows an indicator of ThreatQ", `[...document.querySelectorAll('.euiFlyout')].some(e => /ThreatQuotient|Confidence/.test(e.innerText))`, time.Minute)
}
