// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The integration saves with its defaults: a user fills in what has none, and presses the button.
func TestFleetIntegrationSaves(t *testing.T) {
	s := connect(t)
	build := exec.Command("go", "run", "./dev-tools/fleetpackage/build", "-version", "0.1.0", "-o", s.home)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the package: %v\n%s", err, out)
	}
	zips, err := filepath.Glob(filepath.Join(s.home, "*.zip"))
	if err != nil || len(zips) != 1 {
		t.Fatal("the package's file is missing", zips, err)
	}
	zip, err := os.ReadFile(zips[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.try("DELETE", s.kibana+"/api/fleet/epm/packages/threatq/0.1.0", object{"force": true}) })
	s.must("POST", s.kibana+"/api/fleet/epm/packages", zip)
	// A run that was killed may have left its own.
	name := "threatqbeat browser test " + time.Now().Format(time.RFC3339)
	policy := s.must("POST", s.kibana+"/api/fleet/agent_policies", object{"name": name, "namespace": "default"})
	policyID := policy["item"].(object)["id"].(string)
	t.Cleanup(func() {
		s.try("POST", s.kibana+"/api/fleet/agent_policies/delete", object{"agentPolicyId": policyID, "force": true})
	})

	tab := s.open()
	tab.run(time.Minute, chromedp.Navigate(s.kibana+"/app/fleet/integrations/threatq-0.1.0/add-integration?policyId="+policyID))
	for label, value := range map[string]string{
		"URL of the appliance": "https://threatq.example.com", "Data collection": "12345",
		"OAuth 2.0 client id": "1234e56",
	} {
		field := fmt.Sprintf(`([...document.querySelectorAll('label')].find(l => l.innerText.trim() == %q) || {}).htmlFor`, label)
		tab.holds("there is a field "+label, field, 3*time.Minute)
		var id, text string
		tab.ask(field, &id)
		for range 5 { // a page that is still loading may empty what was filled in
			tab.run(time.Minute, chromedp.SendKeys(fmt.Sprintf(`[id=%q]`, id), value, chromedp.ByQuery), chromedp.Sleep(time.Second))
			if tab.ask(fmt.Sprintf(`document.getElementById(%q).value`, id), &text); text != "" {
				break
			}
		}
	}
	// The label of a secret doesn't name its field.
	tab.run(time.Minute, chromedp.SendKeys(`input[type="password"]`, "secret", chromedp.ByQuery))
	tab.holds("no field is refused", `!document.querySelector('.euiFormErrorText')`, 10*time.Second)
	tab.run(time.Minute, chromedp.Click(`[data-test-subj="createPackagePolicySaveButton"]`, chromedp.ByQuery))
	saved := func() (streams []any) {
		answer := s.must("GET", s.kibana+"/api/fleet/package_policies?kuery=ingest-package-policies.package.name:threatq", nil)
		for _, item := range answer["items"].([]any) {
			for _, input := range item.(object)["inputs"].([]any) {
				for _, stream := range input.(object)["streams"].([]any) {
					streams = append(streams, stream.(object)["compiled_stream"])
				}
			}
		}
		return streams
	}
	s.eventually("the integration is saved", time.Minute, func() bool { return len(saved()) == 1 })
	stream := saved()[0].(object)
	for key, want := range map[string]any{"url": "https://threatq.example.com", "data_collection_id": "12345"} {
		if stream[key] != want {
			t.Errorf("%s is %v (%T), not %v", key, stream[key], stream[key], want)
		}
	}
	if _, ok := stream["fields_param"]; ok {
		t.Errorf("fields_param is %v, though nobody entered it", stream["fields_param"])
	}
}
