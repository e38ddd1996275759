// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package threat

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/beats/v7/libbeat/beat"

	"github.com/threatqbeat/threatqbeat/module/threatq/client"
)

// An input says every hour that it collects, unless it does not.
func TestAlive(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want int
	}{
		"it collects":                  {nil, 5},
		"the appliance is unreachable": {&client.Error{Failure: client.FailureUnreachable}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pages := &answers{t: t, byMark: map[string][]answer{"*": {{next: "*", err: tt.err}}}}
				r := newTestRunner(t, pages, &published{}, nil)
				var events []beat.Event
				flushed := 0
				r.publish = func(event beat.Event, update any) error {
					assert.Nil(t, update, "no cursor is saved with it")
					events = append(events, event)
					return nil
				}
				r.flush = func() error { flushed = len(events); return nil }
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Hour+time.Minute)
				defer cancel()
				require.NoError(t, r.loop(ctx))
				require.Len(t, events, tt.want)
				assert.Equal(t, tt.want, flushed)
				for _, event := range events {
					doc := event.Fields.Flatten()
					assert.Equal(t, "state", doc["event.kind"])
					assert.Equal(t, "default", doc["data_stream.namespace"])
					assert.NotContains(t, doc, "event.type", "Kibana shows it among the indicators otherwise")
					assert.NotContains(t, doc, "threatq.id", "the transform takes it for an indicator otherwise")
				}
			})
		})
	}
}
