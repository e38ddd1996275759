// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/common/fmtstr"

	"github.com/threatqbeat/threatqbeat/module/threatq/registry"
)

// Each event has a key, the same for all events of an indicator, also for the one
// that retires it; no two indicators share one.
func TestKeyOfAnEvent(t *testing.T) {
	format, err := fmtstr.CompileEvent(KeyFormat)
	require.NoError(t, err)
	m := NewMapper(MapperConfig{})
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	key := func(raw string) string {
		event, _ := m.Event([]byte(raw), now)
		text, err := format.Run(&event)
		require.NoError(t, err)
		return text
	}
	assert.Equal(t, "336", key(`{"id":336,"value":"192.0.2.1"}`))
	assert.Equal(t, "336", key(`{"id":"336","indicator_id":7,"value":"192.0.2.2","updated_at":"2026-01-01 00:00:00"}`))
	assert.Equal(t, "indicator_id:336", key(`{"indicator_id":336,"value":"192.0.2.1"}`))
	assert.Equal(t, "-1", key(`{"id":-1}`))
	assert.NotEmpty(t, key(`{"value":"192.0.2.1"}`))
	assert.Equal(t, key(`<html>`), key(`<html>`))
	assert.NotEqual(t, key(`<html>`), key(`{"value":1}`))
	assert.NotEmpty(t, key(``))

	for want, indicator := range map[string]registry.Indicator{
		"336":              {ID: 336, IndicatorID: 7},
		"indicator_id:336": {ID: registry.Missing, IndicatorID: 336},
	} {
		event := m.Retired(indicator, now)
		text, err := format.Run(&event)
		require.NoError(t, err)
		assert.Equal(t, want, text)
	}
}
