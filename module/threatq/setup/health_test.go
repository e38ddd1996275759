// Copyright threatqbeat contributors.
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/elastic/elastic-agent-libs/logp"

	"github.com/threatqbeat/threatqbeat/module/threatq/assets"
)

// lookAt returns what the fake's transforms are like.
func lookAt(t *testing.T, f *fakeElasticsearch) ([]Transform, error) {
	t.Helper()
	url, stop := f.start()
	defer stop()
	es, err := Connect(t.Context(), outputOf(t, map[string]any{"hosts": []string{url}}), "threatqbeat", logp.NewNopLogger())
	require.NoError(t, err)
	defer es.Close()
	return LookAtTransforms(t.Context(), es)
}

func TestTransformProblems(t *testing.T) {
	issues := func(status string, issue object_) object_ { return object_{"status": status, "issues": []any{issue}} }
	for name, tc := range map[string]struct {
		transform fakeTransform
		want      []string // parts of the problem; none if there is none
	}{
		"started":                   {fakeTransform{state: "started", health: object_{"status": "green"}}, nil},
		"old server without health": {fakeTransform{state: "indexing"}, nil},
		"stopped":                   {fakeTransform{state: "stopped"}, []string{"it is stopped.", "POST _transform/ID/_start"}},
		"failed": {
			fakeTransform{state: "failed", reason: "task encountered irrecoverable failure: no such field"},
			[]string{"it has failed: task encountered irrecoverable failure: no such field.", "POST _transform/ID/_stop?force=true&wait_for_completion=true and then POST _transform/ID/_start"},
		},
		"retrying": {
			fakeTransform{state: "started", health: issues("yellow", object_{"issue": "Transform indexer failed", "details": "all shards failed"})},
			[]string{"its health is yellow: Transform indexer failed: all shards failed.", "GET _transform/ID/_stats"},
		},
		"without privileges": {
			fakeTransform{state: "started", health: issues("red", object_{"type": "privileges_check_failed", "issue": "Privileges check failed"})},
			[]string{"lacks privileges: Privileges check failed.", "POST _transform/ID/_update"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			install(t, f)
			id := transformID(t)
			tc.transform.config = f.transforms[id].config
			f.transforms[id] = &tc.transform
			states, err := lookAt(t, f)
			require.NoError(t, err)
			require.Len(t, states, 1)
			assert.Equal(t, id, states[0].ID)
			assert.Equal(t, tc.transform.state, states[0].State)
			if tc.want == nil {
				assert.Nil(t, states[0].Problem())
				return
			}
			for _, part := range tc.want {
				refusedFor(t, states[0].Problem(), strings.ReplaceAll(part, "ID", id))
			}
		})
	}
}

func TestNoTransformAndTwo(t *testing.T) {
	f := newFake(t)
	_, err := lookAt(t, f)
	refusedFor(t, err, "there is none", "threatqbeat setup")

	install(t, f)
	f.transforms["logs-threatq.latest_ioc-default-1.0.0"] = &fakeTransform{state: "started", config: object_{
		"dest": object_{"index": "logs-ti_threatq_latest.dest_threat-2"},
	}}
	states, err := lookAt(t, f)
	refusedFor(t, err, transformID(t), "logs-threatq.latest_ioc-default-1.0.0", "write to the same index")
	assert.Len(t, states, 2)
}

// setup starts a transform that failed, and says why it had; one that fails again
// makes it fail, too.
func TestSetupReportsTheTransformsState(t *testing.T) {
	f := newFake(t)
	install(t, f)
	id := transformID(t)
	f.transforms[id].state, f.transforms[id].reason = "failed", "no such field"
	reports, err := setupWith(t, f, defaultSetup(), server)
	require.NoError(t, err)
	assert.Contains(t, reports, Report{"transform " + id, Started, "it has failed: no such field"})

	f.refuse = func(line string) (int, string) {
		if strings.HasPrefix(line, "GET /_transform/"+id+"/_stats") && f.transforms[id].state == "started" {
			return 200, `{"transforms":[{"id":"` + id + `","state":"failed","reason":"no such field"}]}`
		}
		return 0, ""
	}
	f.transforms[id].state = "stopped"
	_, err = setupWith(t, f, defaultSetup(), server)
	refusedFor(t, err, id, "it has failed: no such field")

	f.refuse = nil
	f.transforms[id].health = object_{"status": "yellow", "issues": []any{object_{"issue": "Transform indexer failed"}}}
	reports, err = setupWith(t, f, defaultSetup(), server)
	require.NoError(t, err)
	last := reports[len(reports)-1]
	assert.Equal(t, Unhealthy, last.Action)
	assert.Contains(t, last.Detail, "its health is yellow: Transform indexer failed")
}

// No asset is reported twice by the first setup.
func TestNothingIsListedTwice(t *testing.T) {
	f := newFake(t)
	reports, err := setupWith(t, f, defaultSetup(), server)
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, r := range reports {
		assert.False(t, seen[r.Asset], "%s is listed twice", r.Asset)
		seen[r.Asset] = true
	}
	assert.True(t, seen["index "+assets.DestIndexPrefix+"1"])
}
