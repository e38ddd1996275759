// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/elastic/elastic-agent-libs/logp"
	"github.com/elastic/elastic-agent-libs/monitoring"
)

func TestCursorAgeWhenTheClockIsSetBack(t *testing.T) {
	m := newMetrics(monitoring.NewRegistry(), newTotals(nil), nil, nil, logp.NewNopLogger())
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	assert.EqualValues(t, -1, m.cursorAge(now), "there is no cursor yet")
	m.cycle(time.Second, now, now, nil)
	assert.EqualValues(t, 90, m.cursorAge(now.Add(90*time.Second)))
	assert.EqualValues(t, 0, m.cursorAge(now.Add(-time.Hour)), "never negative")
}
