// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

func TestTimingOfServerless(t *testing.T) {
	for _, tt := range []struct {
		serverless       bool
		cfg              config.SetupTransforms
		frequency, delay string
	}{
		{false, config.SetupTransforms{}, "5s", "20s"},
		{true, config.SetupTransforms{}, "120s", "120s"},
		{true, config.SetupTransforms{Frequency: time.Second, SyncDelay: 2 * time.Second}, "1s", "2s"},
	} {
		body := transformBody(assets.Server{Serverless: tt.serverless}, tt.cfg, "dest")
		assert.Equal(t, tt.frequency, body["frequency"])
		assert.Equal(t, tt.delay, object(object(body["sync"])["time"])["delay"])
	}
}
