// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/common"
	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/internal/beattest"
	"github.com/threatqbeat/threatqbeat/module/threatq/simulator"
)

// TestEveryTypeIsNormal shows, for each type of indicator, tidy, untidy and
// unreadable, what lets the beater leave Libbeat's normalisation out: it changes
// no type of an event, and an output writes the same document with and without it.
func TestEveryTypeIsNormal(t *testing.T) {
	beattest.SkipUnderRace(t, "nothing runs side by side")
	cfg := simulator.DefaultConfig()
	cfg.Indicators, cfg.Untidy, cfg.Unreadable = 2000, 0.5, 0.05
	sim, err := simulator.New(cfg)
	require.NoError(t, err)
	defer sim.Close()

	converter := common.NewGenericEventConverter(false, logp.NewNopLogger())
	m := testMapper(func(c *MapperConfig) { c.PreserveOriginal = true })
	types := map[string]bool{}
	for want := range sim.Expected() {
		event, _ := m.Event(sim.Indicator(want.Index), testFetched)
		normalized := event
		normalized.Fields = converter.Convert(event.Fields)
		require.Equal(t, event.Fields, normalized.Fields)

		require.Equal(t, encodeEvent(t, event), encodeEvent(t, normalized))

		if ecs, err := event.Fields.GetValue("threat.indicator.type"); err == nil {
			types[ecs.(string)] = true
		}
	}
	for _, indicatorType := range indicatorTypes {
		assert.True(t, types[indicatorType.ecs], "no indicator is of type %s", indicatorType.ecs)
	}
}
