// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import "github.com/elastic/beats/v7/libbeat/management/status"

// statusReporter passes a change of health on, and only a change.
type statusReporter struct {
	update  func(status.Status, string)
	current status.Status
	message string
}

func newStatusReporter(update func(status.Status, string)) *statusReporter {
	return &statusReporter{update: update, current: status.Unknown}
}

func (s *statusReporter) healthy() { s.set(status.Running, "") }

func (s *statusReporter) degraded(reason string) { s.set(status.Degraded, reason) }

func (s *statusReporter) set(current status.Status, message string) {
	if s.current == current && s.message == message {
		return
	}
	s.current, s.message = current, message
	s.update(current, message)
}
