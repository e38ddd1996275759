// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const (
	matchRule     = "threatqbeat-active-indicator-match"
	matchRuleName = "ThreatQ active indicator match"
	checked       = "logs-threatqbeat.check-default"
)

// A user imports the example rule, switches it on, and sees one alert: that of an active indicator,
// and none of an expired one.
func TestRuleIsImportedAndFires(t *testing.T) {
	s := connect(t)
	s.collect(400)
	forget := func() {
		s.try("DELETE", s.kibana+"/api/detection_engine/rules?rule_id="+matchRule, nil)
		s.try("DELETE", s.elasticsearch+"/_data_stream/"+checked, nil)
		s.try("POST", s.elasticsearch+"/.alerts-security.alerts-default/_delete_by_query?refresh&conflicts=proceed&ignore_unavailable=true",
			object{"query": object{"term": object{"kibana.alert.rule.rule_id": matchRule}}})
	}
	forget()
	t.Cleanup(forget)
	for message, source := range map[string]struct {
		index string
		lives object
	}{
		"active":  {alias, object{"gt": "now+1d"}},
		"expired": {"logs-ti_threatq.threat-default", object{"lt": "now"}},
	} {
		found := s.must("POST", s.elasticsearch+"/"+source.index+"/_search", object{"size": 1, "query": object{"bool": object{
			"filter": []any{
				object{"exists": object{"field": "threat.indicator.file.hash.sha256"}},
				object{"range": object{"threatq.ioc_expired_at": source.lives}},
			},
			"must_not": object{"term": object{"threatq.status": "Whitelisted"}},
		}}})
		hits := found["hits"].(object)["hits"].([]any)
		if len(hits) == 0 {
			t.Fatalf("no file is %s", message)
		}
		threat := hits[0].(object)["_source"].(object)["threat"].(object)
		hash := threat["indicator"].(object)["file"].(object)["hash"].(object)["sha256"]
		s.must("POST", s.elasticsearch+"/"+checked+"/_doc?refresh", object{
			"@timestamp": time.Now(), "message": message, "file": object{"hash": object{"sha256": hash}},
		})
	}
	rules, err := filepath.Abs(root + "/docs/examples/indicator-match-rule.ndjson")
	if err != nil {
		t.Fatal(err)
	}

	tab := s.open()
	// Kibana's tour of new features lies on top of buttons, so that they are not clicked by their place.
	click := func(subject string) {
		tab.holds(subject+" can be clicked", `(e => e && !e.disabled && (e.click(), true))(document.querySelector('[data-test-subj="`+subject+`"]'))`, time.Minute)
	}
	tab.run(time.Minute, chromedp.Navigate(s.kibana+"/app/security/rules/management"))
	click("rules-import-modal-button")
	tab.run(time.Minute, chromedp.WaitReady(`input[type="file"]`, chromedp.ByQuery), chromedp.SetUploadFiles(`input[type="file"]`, []string{rules}, chromedp.ByQuery))
	click("import-data-modal-button")
	tab.holds("the rule is in the list", `[...document.querySelectorAll('[data-test-subj="ruleName"]')].some(e => e.innerText.includes("`+matchRuleName+`"))`, time.Minute)
	click("ruleSwitch")

	alerts := func() (messages []any) {
		status, answer := s.try("GET", s.elasticsearch+"/.alerts-security.alerts-default/_search?q=kibana.alert.rule.rule_id:%22"+matchRule+"%22", nil)
		if status >= 300 {
			return nil // Kibana makes the index
		}
		for _, hit := range answer["hits"].(object)["hits"].([]any) {
			messages = append(messages, hit.(object)["_source"].(object)["message"])
		}
		return messages
	}
	s.eventually("the rule fires", 3*time.Minute, func() bool { return len(alerts()) > 0 })
	tab.run(time.Minute, chromedp.Navigate(s.kibana+"/app/security/alerts"))
	tab.holds("the page shows one alert of the rule", `/\b1 alert\b/.test(document.body.innerText) && document.body.innerText.includes("`+matchRuleName+`")`, 2*time.Minute)
	if got := alerts(); len(got) != 1 || got[0] != "active" {
		t.Errorf("the alerts are of the events %v, not of the active one alone", got)
	}
}
