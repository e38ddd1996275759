// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beater

import "fmt"

// configSelectors are those under which Libbeat writes whole configurations to
// the log. It leaves out what is called a password, but not a client's secret,
// an API key or a header.
var configSelectors = []string{"config", "config-with-passwords"}

// checkSelectors refuses to log secrets. The asterisk is no danger: Libbeat
// wants these selectors by their names.
func checkSelectors(has func(selector string) bool) error {
	for _, selector := range configSelectors {
		if has(selector) {
			return fmt.Errorf("logging.selectors (or -d) names %q, under which configurations are written to the log with the secrets in them: leave it out; threatqbeat export config shows the configuration", selector)
		}
	}
	return nil
}
