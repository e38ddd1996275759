// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/threatqbeat/threatqbeat/config"
	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// expirationCase is a row of the table that drives the Go function as well.
type expirationCase struct {
	Name            string   `json:"name"`
	Input           object   `json:"input"`
	ExpiredStatuses []string `json:"expired_statuses"`
	Duration        string   `json:"duration"`
	WantExpiredAt   string   `json:"want_ioc_expired_at"`
	WantReason      string   `json:"want_reason"`
}

// The pipeline follows the rules of the Go function, row by row.
func TestPipelineExpires(t *testing.T) {
	c := connect(t)
	data, err := os.ReadFile("../../threat/testdata/expiration.json")
	require.NoError(t, err)
	var cases []expirationCase
	require.NoError(t, json.Unmarshal(data, &cases))
	require.NotEmpty(t, cases)
	for _, tc := range cases {
		t.Run(tc.Name, func(t *testing.T) {
			source := simulate(c.in(t), pipelineWith(t, tc.Duration, tc.ExpiredStatuses), tc.Input)
			assert.Equal(t, tc.WantExpiredAt, get(source, "threatq", "ioc_expired_at"), source)
			assert.Equal(t, tc.WantReason, get(source, "threatq", "ioc_expiration_reason"))
			assert.NotEqual(t, "pipeline_error", get(source, "event", "kind"))
		})
	}
}

// pipelineWith returns the pipeline with other parameters of its script.
func pipelineWith(t *testing.T, duration string, statuses []string) object {
	t.Helper()
	pipeline := assets.Pipeline()
	parsed, err := config.ParseLifetime(duration)
	require.NoError(t, err)
	lower := []string{}
	for _, s := range statuses {
		lower = append(lower, strings.ToLower(strings.TrimSpace(s)))
	}
	for _, p := range pipeline["processors"].([]any) {
		if params, ok := get(p, "script", "params").(object); ok {
			require.EqualValues(t, 90*24*60, params["duration_minutes"])
			require.Equal(t, []any{"expired"}, params["expired_statuses"])
			params["duration_minutes"] = int(parsed / time.Minute)
			params["expired_statuses"] = lower
		}
	}
	return pipeline
}

// simulate returns what the pipeline makes of a document.
func simulate(c *cluster, pipeline, document object) object {
	c.t.Helper()
	answer := c.must("POST", "/_ingest/pipeline/_simulate", object{
		"pipeline": pipeline, "docs": []any{object{"_source": document}},
	})
	source, ok := get(answer["docs"].([]any)[0], "doc", "_source").(object)
	require.True(c.t, ok, "%v", answer)
	return source
}

func TestPipelineCleansUpAndKeepsWhatFails(t *testing.T) {
	c := connect(t)
	const now = "2024-05-01T00:00:00.000Z"
	for name, tc := range map[string]struct {
		document object
		want     func(t *testing.T, source object)
	}{
		"event.original is dropped": {
			object{"@timestamp": now, "event": object{"original": "{}"}, "threatq": object{}},
			func(t *testing.T, s object) { assert.Nil(t, get(s, "event", "original")) },
		},
		"event.original was asked for": {
			object{"@timestamp": now, "event": object{"original": "{}"}, "tags": []string{"a", "preserve_original_event"}},
			func(t *testing.T, s object) { assert.Equal(t, "{}", get(s, "event", "original")) },
		},
		"what threatqbeat decided stays": {
			object{"@timestamp": now, "threatq": object{"ioc_expired_at": "2030-01-01T00:00:00.000Z", "ioc_expiration_reason": "r", "status": "Expired"}},
			func(t *testing.T, s object) {
				assert.Equal(t, "2030-01-01T00:00:00.000Z", get(s, "threatq", "ioc_expired_at"))
				assert.Equal(t, "r", get(s, "threatq", "ioc_expiration_reason"))
			},
		},
		"a document of another shipper": {
			object{"@timestamp": now, "threatq": object{"updated_at": "2024-05-01 00:00:00", "expires_at": "0000-00-00 00:00:00"}},
			func(t *testing.T, s object) {
				assert.Equal(t, "2024-07-30T00:00:00.000Z", get(s, "threatq", "ioc_expired_at"))
			},
		},
		"what can't be processed is kept": {
			object{"@timestamp": now, "event": object{"original": "raw"}, "threatq": object{"expires_at": "nonsense"}},
			func(t *testing.T, s object) {
				assert.Equal(t, "pipeline_error", get(s, "event", "kind"))
				assert.Equal(t, "raw", get(s, "event", "original"))
				require.Len(t, get(s, "error", "message"), 1)
				assert.Contains(t, get(s, "error", "message").([]any)[0], "set_ioc_expiration")
			},
		},
		"what says that an input collects is no indicator": {
			object{"@timestamp": now, "event": object{"kind": "state"}},
			func(t *testing.T, s object) { assert.Nil(t, get(s, "threatq")) },
		},
		"an error of threatqbeat stays one": {
			object{"@timestamp": now, "event": object{"original": "raw", "kind": "pipeline_error"}, "error": object{"message": "why"}},
			func(t *testing.T, s object) {
				assert.Equal(t, "raw", get(s, "event", "original"))
				assert.Equal(t, "why", get(s, "error", "message"))
				assert.Nil(t, get(s, "threatq", "ioc_expired_at"))
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			pipeline := assets.Pipeline()
			source := simulate(c.in(t), pipeline, tc.document)
			ingested, err := time.Parse(time.RFC3339Nano, get(source, "event", "ingested").(string))
			require.NoError(t, err)
			assert.WithinDuration(t, time.Now(), ingested, 5*time.Minute)
			tc.want(t, source)
		})
	}
}
