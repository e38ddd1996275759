// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestUntidyIndicators checks that each untidiness occurs, and that they hide
// nothing from Expected.
func TestUntidyIndicators(t *testing.T) {
	cfg := testConfig(3000)
	cfg.Untidy = 1
	s := newSimulator(t, cfg)
	seen := map[string]int{}
	s.Touch(50)
	for e := range s.Expected() {
		raw := s.Indicator(e.Index)
		var object map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(raw, &object), "%s", raw)
		for _, key := range []string{
			"id", "indicator_id", "score", "created_at", "published_at", "updated_at", "touched_at", "expires_at", "expired_at",
			"expires_calculated_at", "attributes", "sources", "adversaries", "tags", "status",
		} {
			seen[key+" "+shapeOf(object[key])]++
		}
		require.True(t, e.Readable)
		if e.Misfit {
			seen["misfit"]++
		}
	}
	for _, want := range []string{
		"id number", "id string", "id null", "id absent", "indicator_id number", "indicator_id string", "indicator_id null",
		"indicator_id absent", "score number", "score string", "score null", "score absent", "attributes absent",
		"attributes null", "attributes empty", "attributes list", "sources absent", "sources null", "sources empty",
		"adversaries absent", "adversaries null", "adversaries empty", "adversaries list", "tags absent", "tags null",
		"tags empty", "tags list", "status null", "status object", "misfit", "updated_at plain", "updated_at RFC 3339",
		"updated_at absent", "updated_at null", "updated_at no text", "updated_at zero", "published_at null",
		"created_at zero", "expires_at zero", "expires_at no text", "expires_at null", "expires_at RFC 3339", "expired_at plain",
	} {
		assert.NotZero(t, seen[want], want)
	}
}

func shapeOf(raw json.RawMessage) string {
	text := string(raw)
	switch {
	case raw == nil:
		return "absent"
	case text == "null":
		return "null"
	case text == `""`:
		return "no text"
	case text == "[]":
		return "empty"
	case strings.HasPrefix(text, `"0000`):
		return "zero"
	case len(text) > 20 && text[11] == 'T':
		return "RFC 3339"
	case len(text) == 21 && text[11] == ' ':
		return "plain"
	case text[0] == '"':
		return "string"
	case text[0] == '[':
		return "list"
	case text[0] == '{':
		return "object"
	}
	return "number"
}

func TestUnreadableIndicators(t *testing.T) {
	cfg := testConfig(2000)
	cfg.Unreadable = 0.1
	s := newSimulator(t, cfg)
	n := 0
	kinds := map[string]bool{}
	for e := range s.Expected() {
		raw := s.Indicator(e.Index)
		require.True(t, json.Valid(raw), "%s: it must not cost its page", raw)
		if !e.Readable {
			n++
			kinds[shapeOf(raw)] = true
		}
	}
	assert.InDelta(t, 200, n, 60)
	assert.Len(t, kinds, 5, "%v", kinds)
}
