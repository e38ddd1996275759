// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package beater

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/elastic/elastic-agent-libs/monitoring"

	"github.com/threatqbeat/threatqbeat/module/threatq/health"
)

func TestHealthIsAnObject(t *testing.T) {
	reg := monitoring.NewRegistry()
	board := &health.Board{}
	registerHealth(reg, board)
	board.Start("one").Set(health.Output, health.Degraded, "unreachable")
	assert.Equal(t, map[string]any{"health": map[string]any{
		"status": "degraded",
		"reason": "unreachable",
		"inputs": map[string]any{"starting": int64(0), "healthy": int64(0), "degraded": int64(1), "failed": int64(0)},
	}}, map[string]any(monitoring.CollectStructSnapshot(reg, monitoring.Full, false)))
}
