// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/threatqbeat/threatqbeat/config"
)

func TestTimingOfServerless(t *testing.T) {
	frequency, delay := timing(config.SetupTransforms{}, false)
	assert.Equal(t, []time.Duration{5 * time.Second, 20 * time.Second}, []time.Duration{frequency, delay})
	frequency, delay = timing(config.SetupTransforms{}, true)
	assert.Equal(t, []time.Duration{120 * time.Second, 120 * time.Second}, []time.Duration{frequency, delay})
	frequency, delay = timing(config.SetupTransforms{Frequency: time.Second, SyncDelay: 2 * time.Second}, true)
	assert.Equal(t, []time.Duration{time.Second, 2 * time.Second}, []time.Duration{frequency, delay})
}
